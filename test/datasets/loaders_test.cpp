#include "datasets/loaders.h"

#include <catch2/catch.hpp>

#include "harness/base/json.h"

namespace evalharness {
namespace {

// Every document as JSON, one a line.
std::string shown(const std::vector<Document>& documents) {
  std::string text;
  for (const Document& document : documents) text += to_json(document.fields()) + "\n";
  return text;
}

Document made_up() {
  return Document::parse(R"({"sol2": "b", "goal": "open a jar", "label": 1})", "made_up.jsonl:17");
}

}  // namespace

TEST_CASE("a document gives its fields and says which there are", "[datasets]") {
  CHECK(made_up().string("goal") == "open a jar");
  CHECK(made_up().has("label"));
  CHECK_FALSE(made_up().has("sol1"));
  CHECK_THROWS_WITH(made_up().at("sol1"),
                    "made_up.jsonl:17: no field 'sol1' (did you mean 'sol2'?); there are: goal label sol2");
  CHECK_THROWS_WITH(made_up().string("label"),
                    "made_up.jsonl:17: field 'label': expected a string, got integer");
  CHECK_THROWS_WITH(Document::parse("[1]", "made_up.jsonl:2"),
                    "made_up.jsonl:2: expected an object, got list");
}

TEST_CASE("jsonl: a document a line, blank lines skipped, lines counted from one", "[datasets]") {
  const std::vector<Document> rows =
      parse_rows("{\"a\": 1}\n\n{\"a\": \"z\\u00e9\"}", "jsonl", "x.jsonl");
  CHECK(shown(rows) == "{\"a\":1}\n{\"a\":\"zé\"}\n");
  CHECK(rows[1].where() == "x.jsonl:3");
}

TEST_CASE("jsonl: a broken line is named", "[datasets]") {
  CHECK_THROWS_WITH(parse_rows("{\"a\": 1}\n{\"a\": \n", "jsonl", "x.jsonl"),
                    Catch::StartsWith("x.jsonl:2: "));
  CHECK_THROWS_WITH(parse_rows("{\"a\": 1}\n7\n", "jsonl", "x.jsonl"),
                    "x.jsonl:2: expected an object, got integer");
}

TEST_CASE("text that is not UTF-8 is named by its line", "[datasets]") {
  CHECK_THROWS_WITH(parse_rows("good\nb\xe9"
                               "d\n",
                               "text-lines", "x.txt"),
                    "x.txt:2: text is not UTF-8");
  CHECK_THROWS_WITH(parse_rows("{\"a\": \"\xff\"}\n", "jsonl", "x.jsonl"),
                    "x.jsonl:1: text is not UTF-8");
}

TEST_CASE("json: a list, or the examples of an object", "[datasets]") {
  CHECK(shown(parse_rows(R"([{"a": 1}, {"a": 2}])", "json", "x.json")) == "{\"a\":1}\n{\"a\":2}\n");
  const std::vector<Document> rows =
      parse_rows(R"({"canary": "", "examples": [{"a": 3}]})", "json", "x.json");
  CHECK(shown(rows) == "{\"a\":3}\n");
  CHECK(rows[0].where() == "x.json[0]");
  CHECK_THROWS_WITH(parse_rows(R"({"rows": []})", "json", "x.json"),
                    "x.json: expected a list of rows or an object with a list 'examples'");
  CHECK_THROWS_WITH(parse_rows(R"([{"a": 1}, 2])", "json", "x.json"),
                    "x.json[1]: expected an object, got integer");
}

TEST_CASE("bbh-cot-prompt: solved examples with their steps and the bare answer", "[datasets]") {
  const std::string file =
      "a canary\n-----\nAdd.\n\nQ: 1 + 1\nis\nA: Let's think step by step.\nOne and one.\nSo the answer is 2.\n\n"
      "Q: Plausible?\nA: Let's think step by step. Hardly. So the answer is no.\n";
  const std::vector<Document> rows = parse_rows(file, "bbh-cot-prompt", "x.txt");
  CHECK(shown(rows) ==
        "{\"description\":\"Add.\",\"input\":\"1 + 1\\nis\",\"reasoning\":\"One and one.\\nSo the answer is 2.\",\"target\":\"2\"}\n"
        "{\"description\":\"Add.\",\"input\":\"Plausible?\",\"reasoning\":\"Hardly. So the answer is no.\",\"target\":\"no\"}\n");
  CHECK(rows[1].where() == "x.txt[1]");
  CHECK_THROWS_WITH(parse_rows("Add.\n\nQ: 1\n", "bbh-cot-prompt", "x.txt"),
                    "x.txt: expected a line '-----' before the examples");
  CHECK_THROWS_WITH(parse_rows("\n-----\nAdd.\n\nQ: 1\nA: 1\n", "bbh-cot-prompt", "x.txt"),
                    "x.txt[0]: expected 'A: Let's think step by step.' behind the question");
  CHECK_THROWS_WITH(parse_rows("\n-----\nAdd.\n\nQ: 1\nA: Let's think step by step. 1.\n", "bbh-cot-prompt", "x.txt"),
                    "x.txt[0]: expected 'So the answer is ...' at its end");
}

TEST_CASE("lm-eval-samples: the examples that a task file holds", "[datasets]") {
  const std::string file = "task: x\nfewshot_config:\n  sampler: first_n\n  samples:\n  - {question: one, target: 'yes'}\n";
  const std::vector<Document> rows = parse_rows(file, "lm-eval-samples", "x.yaml");
  CHECK(shown(rows) == "{\"question\":\"one\",\"target\":\"yes\"}\n");
  CHECK(rows[0].where() == "x.yaml:5:5");
  CHECK_THROWS_WITH(parse_rows("task: x\n", "lm-eval-samples", "x.yaml"), "x.yaml:1:1: missing key 'fewshot_config'");
}

TEST_CASE("csv: quotes hold separators, newlines and quotes", "[datasets]") {
  const std::vector<Document> rows =
      parse_rows("q,a\r\n\"one, \"\"two\"\"\nthree\",4\n,\"\"\n", "csv", "x.csv");
  CHECK(shown(rows) ==
        "{\"q\":\"one, \\\"two\\\"\\nthree\",\"a\":\"4\"}\n{\"q\":\"\",\"a\":\"\"}\n");
  CHECK(rows[0].where() == "x.csv:2");
  CHECK(rows[1].where() == "x.csv:4");
  CHECK_THROWS_WITH(parse_rows("q,a\n1\n", "csv", "x.csv"), "x.csv:2: expected 2 values, got 1");
  CHECK_THROWS_WITH(parse_rows("q,a\n1,\"2\n", "csv", "x.csv"), "x.csv:2: a quote is not closed");
}

TEST_CASE("text-lines strips each line and keeps empty ones", "[datasets]") {
  CHECK(shown(parse_rows(" one \n\n two", "text-lines", "x.txt")) ==
        "{\"text\":\"one\"}\n{\"text\":\"\"}\n{\"text\":\"two\"}\n");
}

TEST_CASE("text-whole is one document, byte for byte", "[datasets]") {
  CHECK(shown(parse_rows(" one \n\n", "text-whole", "x.txt")) == "{\"text\":\" one \\n\\n\"}\n");
}

TEST_CASE("wikitext-rows: a line keeps its newline, a blank one is empty", "[datasets]") {
  CHECK(shown(parse_rows(" \n = Tide = \n \n The sea . \n", "wikitext-rows", "x.raw")) ==
        "{\"text\":\"\"}\n{\"text\":\" = Tide = \\n\"}\n{\"text\":\"\"}\n{\"text\":\" The sea . "
        "\\n\"}\n");
}

TEST_CASE("wikitext-pages: an article starts at its title, not at its sections", "[datasets]") {
  const std::string text =
      " \n = Tide = \n \n The sea . \n = = Causes = = \n The moon . \n = = = More = = = \n = Bread "
      "= \n Flour . \n";
  const std::vector<Document> rows = parse_rows(text, "wikitext-pages", "x.raw");
  CHECK(shown(rows) ==
        "{\"page\":\" = Tide = \\n \\n The sea . \\n = = Causes = = \\n The moon . \\n = = = More "
        "= = = \"}\n"
        "{\"page\":\" = Bread = \\n Flour . \\n\"}\n");
  CHECK(rows[1].where() == "x.raw:8");
}

TEST_CASE("reshape copies nested fields, turns lists of maps around, labels choices",
          "[datasets]") {
  const Document row = Document::parse(
      R"({"question": {"stem": "Which floats?", "choices": [{"label": "A", "text": "cork"}, {"label": "B", "text": "lead"}]},
          "gold": 1, "options": ["cork", "lead"]})",
      "x.jsonl:1");
  CHECK(to_json(reshape(row, {{"q", "copy", "question.stem"},
                              {"choices", "columns", "question.choices"}})
                    .fields()) ==
        R"({"q":"Which floats?","choices":{"label":["A","B"],"text":["cork","lead"]}})");
  CHECK(
      to_json(
          reshape(row, {{"choices", "labelled", "options"}, {"key", "letter", "gold"}}).fields()) ==
      R"({"choices":{"text":["cork","lead"],"label":["A","B"]},"key":"B"})");
  CHECK(reshape(row, {}).fields() == row.fields());
}

TEST_CASE("reshape says what it misses", "[datasets]") {
  const Document row = Document::parse(R"({"question": {"stem": "?"}, "gold": "B"})", "x.jsonl:9");
  CHECK_THROWS_WITH(reshape(row, {{"q", "copy", "query"}}),
                    "x.jsonl:9: no field 'query'; there are: gold question");
  CHECK_THROWS_WITH(reshape(row, {{"q", "copy", "question.text"}}),
                    "x.jsonl:9: no field 'question.text'");
  CHECK_THROWS_WITH(reshape(row, {{"q", "letter", "gold"}}),
                    "x.jsonl:9: field 'gold': expected an integer from 0 to 25, got \"B\"");
  CHECK_THROWS_WITH(reshape(row, {{"q", "labelled", "gold"}}),
                    "x.jsonl:9: field 'gold': expected a list, got string");
}

}  // namespace evalharness
