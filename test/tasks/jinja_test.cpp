// Templates. The expected texts of the table were made by Jinja2 3.1.6 with StrictUndefined and
// keep_trailing_newline, as lm-evaluation-harness sets it up.

#include "tasks/jinja/jinja.h"

#include <catch2/catch.hpp>

#include "harness/base/json.h"
#include "tasks/python.h"
#include "tasks/regex.h"

using namespace evalharness;

namespace {

const char* const kFields =
    R"~({"goal": "Boil an egg", "sol1": "Use a pan.", "sol2": "Use a 'fork' and \"spoon\"", "label": 1, "text": "one two three four", "choices": {"label": ["A", "B", "C"], "text": ["iron", "gold plate", "it's"]}, "answerKey": " B", "nums": [3, 1, 2], "f": 1.0, "g": 1e-05, "h": 1e+16, "i": 0.1, "none": null, "t": true, "rows": [{"q": "x", "a": 1}, {"q": "y", "a": 2}], "uni": "naïve ÉCOLE x", "empty": "", "q": "  padded  ", "nl": "a\nb\tc", "ans": "work\n#### 1,234"})~";

std::string fill(const std::string& source,
                 const std::string& json = R"({"question": "Which?", "choices": ["a"]})") {
  return Jinja(source, "t.yaml:1:1: doc_to_text")
      .render(parse_json(json, "made_up.jsonl:1"), "made_up.jsonl:1");
}

struct Case {
  const char* source;
  const char* expected;
};
const Case kCases[] = {
    {R"~(Question: {{goal}}
Answer:)~",
     R"~(Question: Boil an egg
Answer:)~"},
    {R"~({{[sol1, sol2]}})~", R"~(['Use a pan.', 'Use a \'fork\' and "spoon"'])~"},
    {R"~({{text.split(' ')[:-1]|join(' ')}})~", R"~(one two three)~"},
    {R"~({{' '+text.split(' ')[-1]}})~", R"~( four)~"},
    {R"~({{choices.label.index(answerKey.lstrip())}})~", R"~(1)~"},
    {R"~({{choices.text}})~", R"~(['iron', 'gold plate', "it's"])~"},
    {R"~({{choices['text'][0]}})~", R"~(iron)~"},
    {R"~({{ q.strip() }}|)~", R"~(padded|)~"},
    {R"~({{f}} {{g}} {{h}} {{i}} {{none}} {{t}})~", R"~(1.0 1e-05 1e+16 0.1 None True)~"},
    {R"~({{nums|sort}} {{nums|sum}} {{nums|max}} {{nums|length}})~", R"~([1, 2, 3] 6 3 3)~"},
    {R"~({% for r in rows %}{{loop.index}}. {{r.q}}={{r.a}}{% if not loop.last %}, {% endif %}{% endfor %})~",
     R"~(1. x=1, 2. y=2)~"},
    {R"~({% set x = 5 %}{{x}}{% if x > 3 and not none %}yes{% elif x %}maybe{% else %}no{% endif %})~",
     R"~(5yes)~"},
    {R"~(a
{%- if t %}  b  {%- endif %}
c
)~",
     R"~(a  b
c
)~"},
    {R"~({{uni|upper}} {{uni|lower}} {{uni|length}})~", R"~(NAÏVE ÉCOLE X naïve école x 13)~"},
    {R"~({{uni}} {{[uni]}} {{[nl]}})~", R"~(naïve ÉCOLE x ['naïve ÉCOLE\xa0x'] ['a\nb\tc'])~"},
    {R"~({{ans.split('#### ')[-1].replace(',', '')}})~", R"~(1234)~"},
    {R"~({{ans|regex_replace('(?s).*#### ', '')}})~", R"~(1,234)~"},
    {R"~({{ans|regex_replace('([0-9]),([0-9])', '\\2-\\1')}})~",
     R"~(work
#### 2-134)~"},
    {R"~({{ 7 // 2 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7 % 3 }} {{1.5 * 2}})~",
     R"~(3 3.5 -4 2 1024 0.5 1 3.0)~"},
    {R"~({{ 'a' ~ 1 ~ none ~ [1, 'b'] }})~", R"~(a1None[1, 'b'])~"},
    {R"~([{{ 'x' if not t }}])~", R"~([])~"},
    {R"~({{ 'x' if t else 'y' }}{{ 1 if false else 2 }})~", R"~(x2)~"},
    {R"~({{ text[0] }}{{ text[-1] }}{{ text[4:7] }}{{ text[::-1] }}{{ nums[1:] }}{{ nums[-2:] }})~",
     R"~(ortworuof eerht owt eno[1, 2][1, 2])~"},
    {R"~({{ 'in' if 'two' in text else 'out' }} {{ 3 in nums }} {{ 9 not in nums }} {{ 'label' in choices }})~",
     R"~(in True True True)~"},
    {R"~({{ missing is defined }} {{ goal is defined }} {{ missing | default('d') }} {{ empty | default('d') }}|{{ empty | default('d', true) }} {{ choices.zzz is defined }})~",
     R"~(False True d |d False)~"},
    {R"~({{ rows | map(attribute='q') | join('-') }} {{ nums | map('string') | list }})~",
     R"~(x-y ['3', '1', '2'])~"},
    {R"~({{ nums | select('gt', 1) | list }} {{ rows | selectattr('a', 'eq', 2) | map(attribute='q') | list }} {{nums|reject('odd')|list}})~",
     R"~([3, 2] ['y'] [2])~"},
    {R"~({% for c in 'ab' %}[{{c}}]{% endfor %}{% for x in [] %}{% else %}none{% endfor %})~",
     R"~([a][b]none)~"},
    {R"~({% for k, v in choices.items() %}{{k}}:{{v|length}};{% endfor %}{{ choices.keys()|list }})~",
     R"~(label:3;text:3;['label', 'text'])~"},
    {R"~({% set ns = namespace(n=0) %}{% for x in nums %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }})~",
     R"~(6)~"},
    {R"~({% set x %}in {{goal}}{% endset %}<{{x}}>)~", R"~(<in Boil an egg>)~"},
    {R"~({# note #}a{#- b -#}  c)~", R"~(ac)~"},
    {R"~({% raw %}{{ not }}{% endraw %} {{ '{{' }})~", R"~({{ not }} {{)~"},
    {R"~({{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ t == 1 }} {{'a' < 'b'}})~",
     R"~(True False True True True)~"},
    {R"~({{ 'Hello World'.title() }} {{ 'hELLO'.capitalize() }} {{ 'hELLO wORLD'|capitalize }} {{ 'a-b'.split('-', 1) }} {{ 'a b  c'.split() }})~",
     R"~(Hello World Hello Hello world ['a', 'b'] ['a', 'b', 'c'])~"},
    {R"~({{ {'a': 1, 'b': [2]} }} {{ {'a': 1}['a'] }} {{ {'a': 1}.get('z', 0) }})~",
     R"~({'a': 1, 'b': [2]} 1 0)~"},
    {R"~({{ '3'|int + 4 }} {{ '3.7'|float }} {{ 'x'|int }} {{ 3.9|int }} {{ 2.5|round }} {{ 3.14159|round(2) }} {{ -1|abs }})~",
     R"~(7 3.7 0 3 2.0 3.14 1)~"},
    {R"~({{ 'xaxbx'.strip('x') }} {{ '  a '|trim }}| {{ 'abcabc'.replace('b','X',1) }} {{'abcabc'|replace('b','X')}})~",
     R"~(axb a| aXcabc aXcaXc)~"},
    {R"~({{ nums|reverse|list }} {{ [1,2,2,'a','A']|unique|list }} {{ nums|first }} {{ nums|last }})~",
     R"~([2, 1, 3] [1, 2, 'a'] 3 2)~"},
    {R"~({{ text | string | length }} {{ label | string }} {{ 'abc'.index('c') }} {{ 'abc'.find('z') }} {{ 'banana'.count('an') }})~",
     R"~(18 1 2 -1 2)~"},
    {R"~({% for i in range(3) %}{{i}}{% endfor %}{% for i in range(5, 1, -2) %}{{i}}{% endfor %})~",
     R"~(01253)~"},
    {R"~({{ not true or t }} {{ (1, 2)[1] }} {{ 'a''b' }} {{ none is none }} {{ label is number }} {{ 4 is divisibleby 2 }} {{ 4 is not even }})~",
     R"~(True 2 ab True True True False)~"},
    {R"~({{ '\n'.join(['a','b']) }})~",
     R"~(a
b)~"},
    {R"~({{ rows|tojson }})~", R"~([{"a": 1, "q": "x"}, {"a": 2, "q": "y"}])~"},
    {R"~({% for r in rows if r.a > 1 %}{{ r.q }}{{loop.length}}{% endfor %})~", R"~(y1)~"},
    {R"~({{ choices.text | map('upper') | join(', ') }} {{ ['b','a','C']|sort|join }})~",
     R"~(IRON, GOLD PLATE, IT'S abC)~"},
    {R"~({{-  goal  -}}   x)~", R"~(Boil an eggx)~"},
    {R"~({{ rows[0].q }}{{ rows.0.a }}{{ rows[1]['q'] }})~", R"~(x1y)~"},
    {R"~({{ 'abc' * 2 }} {{ [1] + [2] }} {{ 10 - 2 - 3 }} {{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }} {{ 1 - -1 }} {{ 'a' + 'b' | upper }})~",
     R"~(abcabc [1, 2] 5 14 20 2 aB)~"},
    {R"~({{ 'yes' if label in [1, 2] and goal else 'no' }})~", R"~(yes)~"},
    {R"~(trailing
)~",
     R"~(trailing
)~"},
};

}  // namespace

TEST_CASE("templates give what Jinja2 gives", "[tasks][jinja]") {
  for (const Case& c : kCases) {
    INFO(c.source);
    CHECK(fill(c.source, kFields) == c.expected);
  }
}

TEST_CASE("a template that wants a missing field names the fields there are", "[tasks][jinja]") {
  CHECK_THROWS_WITH(
      fill("{{quesiton}}"),
      "made_up.jsonl:1: t.yaml:1:1: doc_to_text: no field 'quesiton' (did you mean 'question'?); there are: choices question");
  CHECK_THROWS_WITH(fill("{{choices[3]}}"),
                    "made_up.jsonl:1: t.yaml:1:1: doc_to_text: index 3 is outside a list of 1");
  CHECK_THROWS_WITH(fill("{{question.strp()}}"),
                    "made_up.jsonl:1: t.yaml:1:1: doc_to_text: a string has no method 'strp' (did "
                    "you mean 'strip'?)");
  CHECK_THROWS_WITH(
      fill("{{question + 1}}"),
      "made_up.jsonl:1: t.yaml:1:1: doc_to_text: '+' has no meaning between string and integer");
}

TEST_CASE("a template that cannot be read fails before any document", "[tasks][jinja]") {
  CHECK_THROWS_WITH(fill("{{ question | lenght }}"),
                    "t.yaml:1:1: doc_to_text: unknown filter 'lenght' (did you mean 'length'?)");
  CHECK_THROWS_WITH(fill("{{ question"),
                    "t.yaml:1:1: doc_to_text: expected '}}', got the end of the template");
  CHECK_THROWS_WITH(fill("{% if question %}x"),
                    "t.yaml:1:1: doc_to_text: expected 'endif', got the end of the template");
  CHECK_THROWS_WITH(fill("{{ question question }}"),
                    "t.yaml:1:1: doc_to_text: expected '}}', got 'question'");
  CHECK_THROWS_WITH(
      fill("{% block f %}{% endblock %}"),
      "t.yaml:1:1: doc_to_text: statement 'block' is not supported; there are: for if macro raw set");
  CHECK_THROWS_WITH(
      fill("{% endif %}"),
      "t.yaml:1:1: doc_to_text: statement 'endif' is not supported; there are: for if macro raw set");
}

TEST_CASE("what Python prints is read back as it was", "[tasks][python]") {
  const std::string json =
      R"(["it's", "a \"b\"", "\u00e9\u00a0\u200b\n\\", 1, -2.5, 1e-07, true, null, {"k": ["x"]}])";
  const Value value = parse_json(json, "test");
  CHECK(python::literal(python::str(value)) == value);
}

TEST_CASE("a literal is a whole Python value or nothing", "[tasks][python]") {
  CHECK(python::literal("('a', 'b',)") == Value(Value::List{"a", "b"}));
  CHECK(python::literal(" ['a' 'b', \"c\"]\n") == Value(Value::List{"ab", "c"}));
  CHECK(python::literal("('a')") == Value("a"));
  CHECK(python::literal("7") == Value(7));
  CHECK(python::literal("00") == Value(0));
  CHECK(python::literal("07.5") == Value(7.5));
  for (const char* text : {"", "[", "[1", "[1 2]", "a", "[a]", "'x", "1 2", "{1: 2}", "[1,,2]", "007", "-07"}) {
    INFO(text);
    CHECK(!python::literal(text));
  }
}

TEST_CASE("words are counted as re.split counts them", "[tasks][python]") {
  // len(re.split(r"\s+", text)) of Python 3.11.
  CHECK(python::count_words("a b") == 2);
  CHECK(python::count_words(" a  b\n") == 4);
  CHECK(python::count_words("") == 1);
  CHECK(python::count_words("a\u00a0b") == 2);
}

using Groups = std::vector<std::vector<std::string>>;

TEST_CASE("patterns find what Python's re.findall finds", "[tasks][regex]") {
  const auto find = [](const std::string& pattern, const std::string& text) {
    return Regex(pattern, "t.yaml:1:1").find_all(text);
  };
  CHECK(find(R"(#### (\-?[0-9\.\,]+))", "a #### -1,200. b #### 3") == Groups{{"-1,200."}, {"3"}});
  CHECK(find("(-?[$0-9.,]{2,})|(-?[0-9]+)", "pay $12 or 7") == Groups{{"$12", ""}, {"", "7"}});
  CHECK(find("(?<=the answer is )(.*)(?=.)", "So the answer is True.\nx") == Groups{{"True"}});
  CHECK(find("x*", "axb") ==
        Groups{{""}, {"x"}, {""}, {""}});  // empty matches, as Python 3.7 has them
  CHECK(find("(?P<first>a)(?P=first)", "aab") == Groups{{"a"}});
  CHECK(find(R"(b\Z)", "b\n").empty());
  CHECK(find("b$", "b\n") == Groups{{"b"}});
  CHECK(find("a{,2}", "aaa") == Groups{{"aa"}, {"a"}, {""}});
  CHECK(find(R"(\w+)", "\u00e9t\u00e9 7") == Groups{{"\u00e9t\u00e9"}, {"7"}});
  CHECK(find("\\u00e9", "\u00e9") == Groups{{"\u00e9"}});
}

TEST_CASE("replacements may hold groups", "[tasks][regex]") {
  CHECK(Regex("(?s).*#### ", "t").substitute("a\nb #### 5", "") == "5");
  CHECK(Regex("([a-z])([0-9])", "t").substitute("a1b2", R"(\2\g<1>)") == "1a2b");
  CHECK(Regex("a", "t").substitute("aaa", "b", 2) == "bba");
}

TEST_CASE("a pattern that cannot be read says where it stands", "[tasks][regex]") {
  CHECK_THROWS_WITH(Regex("(a", "t.yaml:3:7: regex_pattern"),
                    "t.yaml:3:7: regex_pattern: bad pattern '(a': missing closing parenthesis");
}

TEST_CASE("bytes that are not UTF-8 do not stop a pattern", "[tasks][regex]") {
  CHECK(Regex("[0-9]+", "t").find_all("\xff 12") == Groups{{"12"}});
}
