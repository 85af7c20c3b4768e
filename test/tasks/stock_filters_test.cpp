// What filters make of texts. Expected texts: lm-eval 0.4.13's own filter classes (build_filter_ensemble) on the same
// chains; what it gives as a list or None is written as Python prints it.
#include "tasks/filters.h"

#include <catch2/catch.hpp>

#include "tasks/task.h"

using namespace evalharness;

namespace {

// `steps`: the filters before take_first.
std::string filtered(const std::string& steps, const std::vector<std::string>& texts, const std::string& row = "{}") {
  const std::string last = steps.empty() ? "{function: take_first}" : ", {function: take_first}";
  const ConfigNode node = ConfigNode::parse("{name: n, filter: [" + steps + last + "]}", "f.yaml");
  const std::string text = FilterChain::read(node, texts.size()).apply(texts, Document::parse(row, "made_up.jsonl:1")).text;
  node.reject_unread();
  return text;
}

const std::string kAnswer = "{function: regex, regex_pattern: 'The answer is (\\-?[0-9\\.\\,]+).?'}, {function: majority_vote}";
const std::vector<std::string> kSamples = {"The answer is 3.", "The answer is 5.", "so The answer is 5.",
                                           "none",             "The answer is 3.", "The answer is 7."};

}  // namespace

TEST_CASE("of several samples the most frequent answer counts, of equals the first", "[tasks][filters]") {
  CHECK(filtered(kAnswer, kSamples) == "3.");
  CHECK(filtered("{function: take_first_k, k: 5}, " + kAnswer, kSamples) == "3.");
  CHECK(filtered("{function: take_first_k, k: 3}, " + kAnswer, kSamples) == "5.");
  CHECK(filtered("", kSamples) == "The answer is 3.");
}

TEST_CASE("repeats are samples of one request, and every filter sees them all", "[tasks][filters]") {
  const TaskPtr task = parse_task(
      "task: t\ndataset_path: gsm8k\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\nrepeats: 6\n"
      "generation_kwargs: {do_sample: true, temperature: 0.2}\nfilter_list:\n"
      "  - {name: first, filter: [{function: regex, regex_pattern: '([0-9]+)'}, {function: take_first}]}\n"
      "  - {name: maj@6, filter: [{function: regex, regex_pattern: '([0-9]+)'}, {function: majority_vote}, {function: take_first}]}\n"
      "  - {name: maj@3, filter: [{function: take_first_k, k: 3}, {function: regex, regex_pattern: '([0-9]+)'}, "
      "{function: majority_vote}, {function: take_first}]}\n", "t.yaml");
  const Document document = Document::parse(R"({"q": "?", "a": "5"})", "made_up.jsonl:1");
  CHECK(std::get<Generate>(task->requests(document).at(0)).samples == 6);
  Answer answer;
  answer.texts = kSamples;
  const std::vector<Item> items = task->score(document, {answer});
  REQUIRE(items.size() == 3);
  CHECK(items[0].answer == "3");
  CHECK(items[1].answer == "3");
  CHECK(items[2].answer == "5");
  CHECK(items[2].value == 1);
}

TEST_CASE("tags and entities are taken out of texts as lists are printed", "[tasks][filters]") {
  CHECK(filtered("{function: regex_pos}", {"[('The', 'DET'), ('cat', 'NOUN'), ('sat', 'VERB')]"}) == "['DET', 'NOUN', 'VERB']");
  CHECK(filtered("{function: regex_pos}", {"DET NOUN"}) == "['invalid']");
  CHECK(filtered("{function: regex_pos, fallback: [X]}", {"('a' , 'b')"}) == "['X']");
  const std::string span = "{function: format_span}";
  CHECK(filtered(span, {"Person: Ann Lee, Bo $$ Country : Peru $$ Organization: none $$ Time: May 1$$"}) ==
        "per: ann lee $ per: bo $ loc: peru $ date: may 1");
  CHECK(filtered(span, {"LOC: Kenya, uganda\nDATE: None, 2020\nsuperorg: x $ org: UN"}) ==
        "loc: kenya $ loc: uganda $ date: 2020 $ org: un");
  CHECK(filtered(span, {"nothing here"}) == "");
  CHECK(filtered(span, {"Persons: Ada $ people: Bob,, Cy $$$ place: Rome"}) == "per: ada $ per: bob $ per:  $ per: cy");
}

TEST_CASE("what a map does not hold is its default", "[tasks][filters]") {
  CHECK(filtered("{function: map, mapping_dict: {a: '1', b: '2'}, default_value: '0'}", {"b"}) == "2");
  CHECK(filtered("{function: map, mapping_dict: {a: '1'}, default_value: '0'}", {"B"}) == "0");
  CHECK(filtered("{function: map, mapping_dict: {a: '1'}}", {"b"}) == "None");
}

TEST_CASE("a letter is found by the pattern, by a choice's text, or behind a colon", "[tasks][filters]") {
  const std::string row = R"({"choices": ["Guilty", "Guilty of Romance", "It's fine."]})";
  const std::string letters = "{function: multi_choice_regex, regex_pattern: '(\\([A-Z]\\))', ignore_case: true, "
                              "ignore_punctuation: true, regexes_to_ignore: ['\\bthe\\b']}";
  CHECK(filtered(letters, {"so (B)"}, row) == "(B)");
  CHECK(filtered(letters, {"I think guilty of the romance"}, row) == "(A)");
  CHECK(filtered(letters, {"its fine"}, row) == "(C)");
  CHECK(filtered(letters, {"answer: C"}, row) == "(C)");
  CHECK(filtered(letters, {"Answer: D"}, row) == "[invalid]");
  CHECK(filtered("{function: multi_choice_regex, regex_pattern: '(\\([A-Z]\\))', group_select: -1}", {"(A) or (B)"}, row) == "(B)");
  CHECK(filtered("{function: regex, regex_pattern: '(x)?(y)?', group_select: -1, fallback: no}", {"xy "}) == "no");
}

TEST_CASE("case and blanks are Python's", "[tasks][filters]") {
  CHECK(filtered("{function: remove_whitespace}, {function: uppercase}", {"  \u00e9t\u00e9\u3000"}) == "\u00c9T\u00c9");
}
