#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/result/journal.h"
#include "harness/result/run_result.h"
#include "test/support/example_record.h"
#include "test/support/home.h"
#include "test/support/json_schema.h"
#include "test/support/temporary_folder.h"

namespace evalharness {
namespace {

std::string without(std::string text, const std::string& part) {
  REQUIRE(text.find(part) != std::string::npos);
  return replace_all(std::move(text), part, "");
}

Answer answer_with(double log_prob, std::vector<float> token_log_probs) {
  Answer answer;
  answer.log_prob = log_prob;
  answer.tokens = token_log_probs.size();
  answer.token_log_probs = std::move(token_log_probs);
  return answer;
}

Value schema() {
  return parse_json(read_text(home_path("reports/record.schema.json")), "record.schema.json");
}
std::vector<std::string> errors_of(const std::string& record) {
  return schema_errors(schema(), parse_json(record, "record.json"));
}

const JournalKey kKey{"dense", "cpu", "piqa", 3, 0};

}  // namespace

TEST_CASE("a record reads back equal from its JSON", "[result]") {
  const RunResult record = example_record();
  CHECK(run_result_from_json(to_json(record), "record.json") == record);
  CHECK(run_result_from_json(to_json(RunResult{}), "record.json") == RunResult{});
}

TEST_CASE("a missing estimate is null with its reason", "[result]") {
  RunResult record;
  PairResult pair;
  pair.difference = Estimate::missing("diverged");
  record.pairs = {pair};
  const Value json = parse_json(to_json(record), "record.json");
  const Value* difference = json.find("pairs")->list().at(0).find("difference");
  CHECK(difference->find("value")->is_null());
  CHECK(difference->find("reason")->string() == "diverged");
}

TEST_CASE("an estimate that is no number becomes null and says so", "[result]") {
  RunResult record;
  record.pairs.resize(2);
  record.pairs[0].difference.value = std::numeric_limits<double>::quiet_NaN();
  record.pairs[1].difference.value = std::numeric_limits<double>::infinity();
  record.pairs[1].difference.standard_error = std::numeric_limits<double>::quiet_NaN();
  const RunResult back = run_result_from_json(to_json(record), "record.json");
  CHECK(back.pairs[0].difference == Estimate::missing("not finite: nan"));
  CHECK(back.pairs[1].difference == Estimate::missing("not finite: inf"));
}

TEST_CASE("a method's detail that is no number keeps its name", "[result]") {
  RunResult record;
  record.steps.resize(1);
  record.steps[0].details =
      Value::Map{{"losses", Value::List{1.5, std::numeric_limits<double>::infinity()}}};
  const RunResult back = run_result_from_json(to_json(record), "record.json");
  CHECK(back.steps[0].details == Value(Value::Map{{"losses", Value::List{1.5, "inf"}}}));
}

TEST_CASE("a plain number that is not finite fails with its place", "[result]") {
  RunResult record;
  record.variants.resize(1);
  record.variants[0].size.sparsity = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(to_json(record),
                    "variants[0].size.sparsity: expected a finite number, got nan");
}

TEST_CASE("a record that does not fit fails with the place of what does not", "[result]") {
  RunResult record;
  record.variants.resize(1);
  const std::string json = to_json(record);
  CHECK_THROWS_WITH(run_result_from_json(without(json, "\"disk_bytes\": 0,"), "record.json"),
                    "record.json: variants[0].size: missing key 'disk_bytes'");
  CHECK_THROWS_WITH(
      run_result_from_json(replace_all(json, "\"sparsity\": 0.0,", "\"sparsity\": \"none\","),
                           "record.json"),
      "record.json: variants[0].size.sparsity: expected a number, got string");
  CHECK_THROWS_WITH(
      run_result_from_json(replace_all(json, "\"disk_bytes\"", "\"disk_byte\": 1, \"disk_bytes\""),
                           "record.json"),
      "record.json: variants[0].size: unknown key 'disk_byte' (did you mean 'disk_bytes'?)");
  CHECK_THROWS_WITH(run_result_from_json("[]", "record.json"),
                    "record.json: expected a map, got list");
}

TEST_CASE("records fit their schema", "[result][schema]") {
  CHECK(errors_of(to_json(example_record())).empty());
  CHECK(errors_of(to_json(RunResult{})).empty());
}

TEST_CASE("the schema names every field that a record has", "[result][schema]") {
  const std::string json = to_json(example_record());
  const Value record = parse_json(json, "record.json");
  for (const auto& [key, value] : record.map()) {
    Value lacking = record;
    std::erase_if(lacking.map(), [&](const auto& item) { return item.first == key; });
    CHECK(schema_errors(schema(), lacking) ==
          std::vector<std::string>{cat("(root): missing '", key, "'")});
  }
}

TEST_CASE("a record that breaks the schema is told where", "[result][schema]") {
  RunResult record;
  record.variants.resize(1);
  record.variants[0].name = "dense";
  const std::string json = to_json(record);
  using Lines = std::vector<std::string>;
  CHECK(errors_of(json).empty());
  CHECK(errors_of(without(json, "\"disk_bytes\": 0,")) ==
        Lines{"variants[0].size: missing 'disk_bytes'"});
  CHECK(errors_of(replace_all(json, "\"disk_bytes\": 0", "\"disk_bytes\": 0.5")) ==
        Lines{"variants[0].size.disk_bytes: is a number"});
  CHECK(errors_of(replace_all(json, "\"disk_bytes\": 0", "\"disk_bytes\": -1")) ==
        Lines{"variants[0].size.disk_bytes: is too small"});
  CHECK(errors_of(replace_all(json, "\"sparsity\": 0.0", "\"sparsity\": 1.5")) ==
        Lines{"variants[0].size.sparsity: is too large"});
  CHECK(errors_of(replace_all(json, "\"disk_bytes\"", "\"note\": 1, \"disk_bytes\"")) ==
        Lines{"variants[0].size.note: is not allowed"});
  CHECK(errors_of(replace_all(json, "\"dense\"", "\"thin\"")) ==
        Lines{"variants[0].name: is none of the allowed values"});
  CHECK(errors_of(replace_all(json, "\"running\"", "\"walking\"")) ==
        Lines{"status: does not match the pattern"});
  CHECK(errors_of(replace_all(json, "\"pairs\": []", "\"pairs\": {}")) == Lines{"pairs: is a map"});
}

TEST_CASE("a journal gives back what was added, before and after it is opened again", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  Answer answer = answer_with(-2.25, {-0.1f, -2.15f});
  answer.greedy = true;
  answer.window_tokens = {2047, 12};
  answer.windows_available = 148;
  answer.unfinished = 2;
  answer.truncated = 7;
  answer.saved = 9;
  answer.texts = {"The answer is 4.\n", "caf\xc3", ""};
  {
    Journal journal(path, "hash");
    CHECK(!journal.find(kKey));
    journal.add(kKey, "request", answer);
    REQUIRE(journal.find(kKey));
  }
  const Journal journal(path, "hash");
  REQUIRE(journal.size() == 1);
  const std::optional<Answer> back = journal.find(kKey);
  REQUIRE(back);
  CHECK(back->log_prob == answer.log_prob);
  CHECK(back->tokens == 2);
  CHECK(back->greedy);
  CHECK(back->token_log_probs == answer.token_log_probs);
  CHECK(back->window_tokens == answer.window_tokens);
  CHECK(back->windows_available == 148);
  CHECK(back->unfinished == 2);
  CHECK(back->truncated == 7);
  CHECK(back->saved == 9);
  CHECK(back->texts == answer.texts);
  CHECK(!journal.find({"compressed", "cpu", "piqa", 3, 0}));
}

TEST_CASE("log-probabilities of every kind come back bit by bit", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {kInfinity, -kInfinity, -0.0f, 1.1754944e-38f, 1e-45f, 3.4028235e38f};
  for (uint32_t bits = 1; bits < 0x7f800000u; bits += 104729 * 97) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    values.push_back(-value);
  }
  {
    Journal(path, "hash")
        .add(kKey, "request", answer_with(-std::numeric_limits<double>::infinity(), values));
  }
  const Journal journal(path, "hash");
  const std::optional<Answer> back = journal.find(kKey);
  REQUIRE(back->token_log_probs.size() == values.size());
  CHECK(std::memcmp(back->token_log_probs.data(), values.data(), values.size() * sizeof(float)) ==
        0);
  CHECK(back->log_prob == -std::numeric_limits<double>::infinity());
}

TEST_CASE("a diverged answer resumes as one", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  { Journal(path, "hash").add(kKey, "request", answer_with(nan, {static_cast<float>(nan), -1})); }
  const Journal journal(path, "hash");
  CHECK(std::isnan(journal.find(kKey)->log_prob));
  CHECK(std::isnan(journal.find(kKey)->token_log_probs.at(0)));
  CHECK(journal.find(kKey)->token_log_probs.at(1) == -1);
}

TEST_CASE("token log-probabilities are written with the digits of a float", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  { Journal(path, "hash").add(kKey, "request", answer_with(-1, {-0.1f, -2.3456789f})); }
  CHECK(read_text(path).find("[-0.1,-2.3456788]") != std::string::npos);
}

TEST_CASE("a line that a kill cut short is dropped and written again", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  const JournalKey second{"dense", "cpu", "piqa", 4, 0};
  {
    Journal journal(path, "hash");
    journal.add(kKey, "request", answer_with(-1, {-1}));
    journal.add(second, "request", answer_with(-2, {-2}));
  }
  const std::string whole = read_text(path);
  std::filesystem::resize_file(path, whole.size() - 10);
  {
    Journal journal(path, "hash");
    CHECK(journal.size() == 1);
    CHECK(!journal.find(second));
    journal.add(second, "request", answer_with(-2, {-2}));
  }
  CHECK(read_text(path) == whole);
}

TEST_CASE("a journal cut within its header starts again", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  { const Journal journal(path, "hash"); }
  const std::string whole = read_text(path);
  std::filesystem::resize_file(path, 5);
  { const Journal journal(path, "hash"); }
  CHECK(read_text(path) == whole);
}

TEST_CASE("the journal of another run is refused by name", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  { const Journal journal(path, "aaaa"); }
  CHECK_THROWS_WITH(Journal(path, "bbbb"),
                    path +
                        ": the journal of another run (its config, model or data differ; is EVALHARNESS_DATA as it was?): "
                        "expected run_hash bbbb, got aaaa");
}

TEST_CASE("a damaged journal fails with the line", "[journal]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("journal.jsonl");
  { Journal(path, "hash").add(kKey, "request", answer_with(-1, {-1})); }
  const std::string whole = read_text(path);
  write_text(path, replace_all(whole, "\"tokens\":1", "\"tokens\":-1"));
  CHECK_THROWS_WITH(Journal(path, "hash"),
                    path + ":2: tokens: expected an integer >= 0, got integer");
  write_text(path, replace_all(whole, "[-1.0]", "[\"minus one\"]"));
  CHECK_THROWS_WITH(Journal(path, "hash"),
                    path +
                        ":2: token_log_probs[0]: expected a number, 'nan', 'inf' or '-inf', "
                        "got string");
}

}  // namespace evalharness
