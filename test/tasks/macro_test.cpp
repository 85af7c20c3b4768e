// Macros and namespaces. The expected texts were made by jinja2 3.1.6 as transformers sets it up (trim_blocks,
// lstrip_blocks, loop controls).

#include <catch2/catch.hpp>

#include "harness/base/json.h"
#include "tasks/jinja/jinja.h"

using namespace evalharness;

namespace {

const char* const kConversation = R"~({"messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Hello\n"}, {"role": "assistant", "content": "Hi!"}, {"role": "user", "content": "2+2?"}], "add_generation_prompt": true, "functions": [{"name": "find", "parameters": {"query": {"type": "string"}, "filters": {"type": "array", "items": {"type": "object", "properties": {"field": {"type": "string"}, "any_of": {"type": "array", "items": {"type": "number"}}}}}, "raw": {}}}, {"name": "now", "parameters": {}}]})~";

std::string chat_text(const std::string& source) {
  return Jinja(source, "t.jinja", JinjaDialect::kChat).render(parse_json(kConversation, "made_up"), "");
}

}  // namespace

TEST_CASE("a macro that calls itself writes what functions take", "[tasks][jinja][chat]") {
  CHECK(chat_text(R"~({%- macro type_of(spec) -%}
    {%- if spec.type == 'array' -%}
        list[{{ type_of(spec['items']) }}]
    {%- elif spec.type == 'object' and spec.properties is defined -%}
        { {%- for key, value in spec.properties.items() -%}
            {{ key }}: {{ type_of(value) }}{{ ', ' if not loop.last }}
        {%- endfor -%} }
    {%- else -%}
        {{ spec.type | default('any') }}
    {%- endif -%}
{%- endmacro -%}
{%- for tool in functions %}
{{ tool.name }}({% for name, spec in tool.parameters.items() %}{{ name }}: {{ type_of(spec) }}{% if not loop.last %}, {% endif %}{% endfor %})
{% endfor %})~") ==
        R"~(find(query: string, filters: list[{field: string, any_of: list[number]}], raw: any)
now()
)~");
}

TEST_CASE("turns by a macro, with what was seen in a namespace", "[tasks][jinja][chat]") {
  CHECK(chat_text(R"~({% set ns = namespace(system='', turns=0, last='') %}
{% macro turn(role, text, closed=true) %}
<|{{ role }}|>
{{ text | trim }}{% if closed %}<|end|>
{% endif %}
{% endmacro %}
{% for m in messages %}
    {% if m.role == 'system' %}
        {% set ns.system = m.content %}
    {% else %}
        {% if ns.turns == 0 and ns.system %}
{{ turn('system', ns.system) }}
        {%- endif %}
{{ turn(m.role, m.content, closed=not loop.last or add_generation_prompt) }}
        {%- set ns.turns = ns.turns + 1 %}
        {% set ns.last = m.role %}
    {% endif %}
{% endfor %}
{% if add_generation_prompt %}{{ turn('assistant', '', closed=false) }}{% endif %}
[{{ ns.turns }} {{ ns.last }}]
)~") ==
        R"~(<|system|>
Be brief.<|end|>
<|user|>
Hello<|end|>
<|assistant|>
Hi!<|end|>
<|user|>
2+2?<|end|>
<|assistant|>
[3 user])~");
}

TEST_CASE("the body of a macro sees its arguments and its surroundings, not its caller's", "[tasks][jinja][chat]") {
  CHECK(chat_text(R"~({% set x = 'outer' %}
{% macro show(a, b='(' ~ a ~ ')', x=none) %}{{ a }}|{{ b }}|{{ x }}|{{ i }}|{{ loop is defined }}{% set y = a %}{{ y }}{% endmacro %}
{% macro free() %}{{ x }}{{ missing }}{{ later() }}{% endmacro %}
{% macro later(n=2) %}{% if n > 0 %}{{ n }}{{ later(n - 1) }}{% endif %}{% endmacro %}
{% for i in [1, 2] %}{{ show(i) }};{{ show(b=i, a='k', x=i) }};{% endfor %}
{{ y }}{{ free() }}
{% set x = 'changed' %}
{{ free() }}
)~") ==
        R"~(1|(1)|None||False1;k|1|1||Falsek;2|(2)|None||False2;k|2|2||Falsek;outer21
changed21)~");
}

TEST_CASE("an argument that is not given, or is undefined, is undefined inside", "[tasks][jinja][chat]") {
  CHECK(chat_text(R"~({% macro m(a, b) %}[{{ a }}{{ a is defined }}{{ b }}{{ b is defined }}]{% endmacro %}{% set a = 'out' %}{{ m() }}{{ m(nobody, 1) }}{{ m(b=a) }}{{ m(none) }})~") ==
        R"~([FalseFalse][False1True][FalseoutTrue][NoneTrueFalse])~");
}

TEST_CASE("a macro's text is a value, and its loops are its own", "[tasks][jinja][chat]") {
  CHECK(chat_text(R"~({% macro list(items, sep=', ') %}{% for i in items %}{% if i == 'skip' %}{% continue %}{% endif %}{{ i }}{% if not loop.last %}{{ sep }}{% endif %}{% endfor %}{% endmacro %}{% set text = list(['a', 'skip', 'b']) %}{{ text | upper }}<{{ list([], sep='-') }}>{{ list('xyz' | list, '/') ~ '!' }}{{ list(['q']) | length }})~") ==
        R"~(A, B<>x/y/z!1)~");
}

TEST_CASE("a macro that is made in a loop sees the loop", "[tasks][jinja][chat]") {
  CHECK(chat_text(R"~({% for name in ['a', 'b'] %}{% macro inner(t) %}{{ name }}{{ t }}{% endmacro %}{{ inner(1) }}{{ inner(t=2) }} {% endfor %})~") ==
        R"~(a1a2 b1b2 )~");
}

TEST_CASE("macros work in a task's templates, where what is undefined fails", "[tasks][jinja]") {
  const auto fill = [](const std::string& source) {
    return Jinja(source, "t.yaml:1:1: doc_to_text").render(parse_json(R"({"q": "Why?"})", "row"), "row");
  };
  CHECK(fill("{% macro ask(x, mark='!') %}Q: {{ x }}{{ mark }}{% endmacro %}{{ ask(q) }} {{ ask(q, mark='') }}") == "Q: Why?! Q: Why?");
  CHECK_THROWS_WITH(fill("{% macro ask(x) %}{{ x }}{% endmacro %}{{ ask() }}"),
                    "row: t.yaml:1:1: doc_to_text: no field 'x' (did you mean 'q'?); there are: q");
  CHECK(Jinja("{% macro ask(x) %}{{ x }}{{ y }}{% endmacro %}{{ ask(q) }}", "t").mentions().columns ==
        std::set<std::string>{"q", "y"});
}

TEST_CASE("what a macro cannot be given is an error that names it", "[tasks][jinja]") {
  const std::string macro = "{% macro m(first, second=2) %}{{ first }}{% endmacro %}";
  const auto fails_with = [](const std::string& source, const std::string& text) { CHECK_THROWS_WITH(chat_text(source), "t.jinja: " + text); };
  fails_with(macro + "{{ m(1, 2, 3) }}", "macro m: expected at most 2 arguments, got 3");
  fails_with(macro + "{{ m(1, secnd=3) }}", "macro m: no argument 'secnd' (did you mean 'second'?)");
  fails_with(macro + "{{ m(1, first=3) }}", "macro m: argument 'first' is given twice");
  fails_with("{{ m(1) }}" + macro, "macro m: it is called before it is defined");
  fails_with("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "macro f: calls within calls, 100 deep");
  fails_with("{% macro f() %}{{ varargs }}{% endmacro %}", "macro f: varargs is not supported");
  fails_with("{% macro f() %}{% break %}{% endmacro %}", "break and continue stand in a loop only");
  fails_with("{% macro f() %}", "expected 'endmacro', got the end of the template");
  fails_with("{% call f() %}{% endcall %}", "statement 'call' is not supported; there are: for if macro raw set");
}
