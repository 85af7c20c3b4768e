// Transforms one by one, on rows written for these tests.

#include "tasks/transforms.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "harness/base/json.h"
#include "tasks/task.h"

using namespace evalharness;

namespace {

std::vector<Document> transformed(const std::string& list, const std::vector<std::string>& rows) {
  std::vector<Document> documents;
  for (const std::string& row : rows)
    documents.push_back(Document::parse(row, "rows.jsonl:" + std::to_string(documents.size() + 1)));
  return Transforms::read(ConfigNode::parse(list, "t.yaml")).apply(std::move(documents));
}

std::string one(const std::string& list, const std::string& row) {
  return to_json(transformed(list, {row}).at(0).fields());
}

}  // namespace

TEST_CASE("filter keeps the rows of which its template says true", "[tasks][transforms]") {
  const auto kept = transformed("[{filter: '{{ n > 1 and name }}'}]",
                                {R"({"n": 1, "name": "a"})", R"({"n": 2, "name": ""})",
                                 R"({"n": 2, "name": "b"})", R"({"n": 3, "name": "0.0"})"});
  REQUIRE(kept.size() == 1);  // "0.0" is read as the number, which is false in Python
  CHECK(kept[0].where() == "rows.jsonl:3");
}

TEST_CASE("map makes columns in order; later ones see earlier ones", "[tasks][transforms]") {
  CHECK(one("[{map: {b: '{{ a ~ 1 }}', c: '{{ b.upper() }}'}}]", R"({"a": "x"})") ==
        R"({"a":"x","b":"x1","c":"X1"})");
}

TEST_CASE("each, replace and regex_replace change every text of a list", "[tasks][transforms]") {
  CHECK(one("[{each: l, template: '{{ item.strip() }}', into: m}, {replace: [m], old: a, new: bb}, "
            "{regex_replace: m, pattern: '(b)b', new: '\\1-'}]",
            R"({"l": [" a", "xa "]})") == R"({"l":[" a","xa "],"m":["b-","xb-"]})");
  CHECK(one("[{regex_replace: t, pattern: a, new: b, count: 1, into: u}]", R"({"t": "aa"})") ==
        R"({"t":"aa","u":"ba"})");
}

TEST_CASE("find_all, literal_eval, index, join and rename", "[tasks][transforms]") {
  CHECK(one(R"([{find_all: t, pattern: '(\d)|(x)', into: l}])", R"({"t": "1 x"})") ==
        R"({"t":"1 x","l":["1","x"]})");
  CHECK(one("[{literal_eval: t}]", R"({"t": "[1, 'a', None]"})") == R"({"t":[1,"a",null]})");
  CHECK(one("[{index: a, of: l, into: i}]", R"({"a": "y", "l": ["x", "y"]})") ==
        R"({"a":"y","l":["x","y"],"i":1})");
  CHECK(one("[{join: l, separator: ', '}]", R"({"l": ["x", 2]})") == R"({"l":"x, 2"})");
  CHECK(one("[{rename: {a: c}}]", R"({"a": 1, "b": 2})") == R"({"c":1,"b":2})");
}

TEST_CASE("a shuffle depends on its row and seed only, and the target moves along",
          "[tasks][transforms]") {
  const std::string list = "[{shuffle: l, target: gold, seed: 3}]";
  const std::string row = R"({"l": ["a", "b", "c", "d", "e", "f"], "gold": 2})";
  const std::string other = R"({"l": ["x", "y"], "gold": 0})";
  const Document alone = transformed(list, {row}).at(0);
  CHECK(to_json(transformed(list, {other, row}).at(1).fields()) == to_json(alone.fields()));
  const Value::List& choices = alone.at("l").list();
  CHECK(choices.at(static_cast<size_t>(alone.at("gold").integer())) == Value("c"));
  const Document before = Document::parse(row, "");
  CHECK(std::is_permutation(choices.begin(), choices.end(), before.at("l").list().begin()));
  bool moved = false;  // some seed of ten gives another order
  for (int seed = 0; seed < 10; ++seed)
    moved |=
        transformed("[{shuffle: l, seed: " + std::to_string(seed) + "}]", {row}).at(0).at("l") !=
        alone.at("l");
  CHECK(moved);
}

TEST_CASE("detokenise puts WikiText's tokens together", "[tasks][transforms]") {
  // Made by lm-eval 0.4.13's wikitext_detokenizer on this text.
  CHECK(detokenise("The dogs ' bone ( a big one ) , 1 @,@ 000 @.@ 5 m @-@ long \" and so \" it 's "
                   "= = x = = \n\n ' y ' N !") ==
        "The dogs'bone (a big one), 1,000.5 m-long \"and so\" it's == x ==\n\n'y' 1 !");
}

TEST_CASE("a transform that does not fit says where, what and what instead",
          "[tasks][transforms]") {
  CHECK_THROWS_WITH(transformed("[{fliter: x}]", {}),
                    "t.yaml:1:11: [0].fliter: unknown transform (did you mean 'filter'?); there "
                    "are: detokenise each filter "
                    "find_all index join literal_eval map regex_replace rename replace shuffle");
  CHECK_THROWS_WITH(transformed("[{replace: [a, b], old: x, new: y, into: c}]", {}),
                    "t.yaml:1:42: [0].into: expected one column in replace, got 2");
  CHECK_THROWS_WITH(one("[{index: a, of: l, into: i}]", R"({"a": "z", "l": ["x"]})"),
                    "rows.jsonl:1: t.yaml:1:2: [0]: column 'a': expected one of 'l', got 'z'");
  CHECK_THROWS_WITH(
      one("[{literal_eval: t}]", R"({"t": "[1"})"),
      "rows.jsonl:1: t.yaml:1:2: [0]: column 't': expected a Python literal, got '[1'");
  CHECK_THROWS_WITH(one("[{each: t, template: x}]", R"({"t": "a"})"),
                    "rows.jsonl:1: t.yaml:1:2: [0]: column 't': expected a list, got string");
  CHECK_THROWS_WITH(one("[{rename: {a: b}}]", R"({"a": 1, "b": 2})"),
                    "rows.jsonl:1: t.yaml:1:2: [0]: column 'b' is there already");
  CHECK_THROWS_WITH(one("[{map: {b: '{{ c }}'}}]", R"({"a": 1})"),
                    "rows.jsonl:1: t.yaml:1:12: [0].map.b: no field 'c' (did you mean 'a'?); there are: a");
}

TEST_CASE("a limit takes the first documents, or some drawn by a seed", "[tasks]") {
  CHECK(limited_rows(5, 2) == std::vector<size_t>{0, 1});
  CHECK(limited_rows(2, 0) == std::vector<size_t>{0, 1});
  const std::vector<size_t> few = limited_rows(100, Limit::parse("random:5", "x"));
  const std::vector<size_t> many = limited_rows(100, Limit::parse("random:20", "x"));
  CHECK(few.size() == 5);
  CHECK(std::ranges::includes(many, few));  // both in order: more documents are more of the same
  CHECK(few != limited_rows(100, Limit::parse("random:5:1", "x")));
  CHECK_THROWS_WITH(Limit::parse("rnd:5", "--limit"),
                    "--limit: expected N, random:N or random:N:SEED, got 'rnd:5'");
}

TEST_CASE("keyed shots do not depend on the documents before, and the protocol says so",
          "[tasks]") {
  const std::string yaml = R"(
task: made_up
dataset_path: gsm8k
fewshot_split: train
test_split: test
num_fewshot: 2
fewshot_config: {sampler: keyed}
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
)";
  Dataset pool, both, alone;
  for (int i = 0; i < 50; ++i)
    pool.documents.push_back(Document::parse(
        R"({"q": "q)" + std::to_string(i) + R"(", "a": "a"})", "pool:" + std::to_string(i)));
  both.documents = {Document::parse(R"({"q": "x", "a": ""})", "t:1"),
                    Document::parse(R"({"q": "y", "a": ""})", "t:2")};
  alone.documents = {both.documents[1]};
  const auto prompt = [&](const Dataset& data) {
    const TaskPtr task = parse_task(yaml, "t.yaml");
    const TaskDocuments documents = task->documents(data, pool, 0);
    return std::get<Generate>(task->requests(documents.asked.back()).at(0)).context;
  };
  CHECK(prompt(both) == prompt(alone));
  CHECK(parse_task(yaml, "t.yaml")->info().protocol == "lm-eval 0, keyed shots");
}
