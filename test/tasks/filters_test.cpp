// Filters that stand in for Python of lm-evaluation-harness's bbh tasks. The expected answers are what its own classes (0.4.13,
// lm_eval/tasks/bbh/zeroshot/utils.py) gave for these texts; where they stop the run, the fallback.

#include "tasks/filters.h"

#include <catch2/catch.hpp>

#include "harness/base/config_node.h"

using namespace evalharness;

namespace {

// What a filter makes of each text, about one document.
class Filtered {
 public:
  Filtered(const std::string& filter, const std::string& json = "{}")
      : chain_(FilterChain::read(ConfigNode::parse("{name: f, filter: [" + filter + ", {function: take_first}]}", "t.yaml"), 1)),
        doc_(Document::parse(json, "made_up.jsonl:1")) {}
  std::string operator()(const std::string& text) const { return chain_.apply({text}, doc_).text; }

 private:
  FilterChain chain_;
  Document doc_;
};

}  // namespace

TEST_CASE("number: digits, else English words with the slips of word2number", "[tasks][filters]") {
  const Filtered first("{function: number, regex_pattern: '([-0-9]+)'}");
  const Filtered last("{function: number, regex_pattern: '([-0-9]+)', group_select: -1}");
  CHECK(first("It is -12, not 7.") == "-12");
  CHECK(last("It is -12, not 7.") == "7");
  CHECK(first("- 5") == "-");
  CHECK(first("Twenty-three") == "-");
  CHECK(first("one hundred and five apples") == "105");
  CHECK(first("twenty three, then four") == "23");
  CHECK(last("twenty three, then four") == "4");
  CHECK(first("twelve & two") == "14");
  CHECK(first("fourteen hundred") == "1400");
  CHECK(first("three hundred thousand") == "300000");
  CHECK(first("two billion three million four thousand and five") == "2003004005");
  CHECK(first("zero") == "0");
  for (const auto& [text, slip] : std::vector<std::pair<std::string, std::string>>{{"seven", "[invalid]"},
                                                                                  {"sixty six seven", "60"},
                                                                                  {"eighty eight", "80"},
                                                                                  {"six hundred", "100"},
                                                                                  {"nine hundred ninety nine", "9000"},
                                                                                  {"one hundred two three four", "1"},
                                                                                  {"none", "1"},
                                                                                  {"one trillion", "1"},
                                                                                  {"twenty, thirty", "30"},
                                                                                  {"one million two thousand", "1003002"},
                                                                                  {"thousand five", "[invalid]"},
                                                                                  {"two thousand two thousand", "[invalid]"},
                                                                                  {"thousand two million", "[invalid]"}}) {
    INFO(text);
    CHECK(first(text) == slip);
  }
}

TEST_CASE("regex_map: the first match in the text decides, by the first pattern that it fits", "[tasks][filters]") {
  const std::string map = R"(ignore_case: true, regex_pattern_to_value: {'\b(no|not plausible)\b': "no", '\b(yes|plausible)\b': "yes"}})";
  const Filtered first("{function: regex_map, " + map);
  const Filtered last("{function: regex_map, group_select: -1, " + map);
  CHECK(first("It is NOT plausible.") == "no");
  CHECK(first("plausible, or no?") == "yes");
  CHECK(last("plausible, or no?") == "no");
  CHECK(first("Yes. No.") == "yes");
  CHECK(first("know") == "[invalid]");
  CHECK(first("implausible") == "[invalid]");
  CHECK(first("") == "[invalid]");
}

TEST_CASE("word_sort: the words of the list as they are named last", "[tasks][filters]") {
  const std::string list = R"({"input": "Sort the following words alphabetically: List: pear fig apple fig-tree"})";
  const Filtered sorted("{function: word_sort, column: input, after: 'List:'}", list);
  CHECK(sorted("First fig, pear. Sorted: apple fig pear") == "apple fig pear");
  CHECK(sorted("pear apple") == "pear apple");
  CHECK(sorted("figs Fig fig") == "fig");
  CHECK(sorted("fig-tree then fig") == "fig");
  CHECK(sorted("nothing").empty());
  CHECK_THROWS_WITH(Filtered("{function: word_sort, column: input, after: 'Words:'}", list)("fig"),
                    "made_up.jsonl:1: field 'input': expected 'Words:' in it");
}

TEST_CASE("listed_choice_regex: choices are those that the question lists", "[tasks][filters]") {
  const std::string options =
      R"~(column: input, choice_pattern: '\([A-Z]\)([^\n^(]*)', regex_pattern: '(\([A-Z]\))', ignore_case: true, ignore_punctuation: true})~";
  const std::string question = R"~({"input": "Which is red?\nOptions:\n(A) snow\n(B) a leaf (green)\n(C) Blood!"})~";
  const Filtered first("{function: listed_choice_regex, " + options, question);
  const Filtered last("{function: listed_choice_regex, group_select: -1, " + options, question);
  CHECK(first("(C), not (A)") == "(C)");
  CHECK(last("(C), not (A)") == "(A)");
  CHECK(first("it is blood") == "(C)");
  CHECK(first("A LEAF or snow") == "(B)");
  CHECK(last("A LEAF or snow") == "(A)");
  CHECK(first("Answer: B") == "(B)");
  CHECK(first("who knows") == "[invalid]");
  const Filtered none("{function: listed_choice_regex, " + options, R"({"input": "No options"})");
  CHECK(none("a: b") == "[invalid]");
}
