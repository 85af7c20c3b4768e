// A tiny model's answers against those of what was made of it.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/run/compare_runs.h"
#include "test/support/home.h"
#include "test/support/json_schema.h"
#include "test/support/tiny_bench.h"

using namespace evalharness;

namespace {

// Answers of at most 12 tokens to the first three bundled questions, f32.
struct AgreementBench : TinyBench {
  std::string config_with(const std::string& rest) const {
    write_file(folder.path("made_up.yaml"),
               "task: made_up\ndataset_path: vicuna_instructions\ntest_split: test\noutput_type: agreement\n"
               "doc_to_text: \"{{ turns[0] }}\"\ngeneration_kwargs: {until: [], max_gen_toks: 12}\n");
    return config(cat("dtype: f32\ntasks: [", folder.path("made_up.yaml"), "]\nlimits: {made_up: 3}\n", rest));
  }
};

const TaskResult& task_of(const RunResult& result, size_t variant) {
  return result.variants.at(variant).backends.at(0).tasks.at("made_up");
}
double value_of(const RunResult& result, const std::string& metric) {
  return task_of(result, 1).metrics.at(metric + ",none").value.value();
}

// No weight is pruned: stored otherwise, they are the same.
const std::string kUnchanged = "compress: [{method: wanda, sparsity: 0}]\ncalibration: {samples: 1, length: 32}\n";
const std::string kHalf = "compress: [{method: magnitude, sparsity: 0.5}]\n";

}  // namespace

TEST_CASE("a model that was left as it is agrees with itself", "[run][agreement]") {
  const AgreementBench bench;
  const RunResult result = bench.run_in("same", bench.config_with(kUnchanged));
  CHECK(task_of(result, 0).metrics.empty());
  CHECK(task_of(result, 0).protocol == "agreement 0");
  CHECK(value_of(result, "exact_match") == 1);
  CHECK(value_of(result, "length_ratio") == 1);
  CHECK(value_of(result, "kl_divergence") == Approx(0).margin(1e-9));
  CHECK(task_of(result, 1).metrics.at("kl_divergence,none").n == 3);
  // ROUGE counts words of a-z and 0-9 only; a random model may write none.
  for (const std::string& line : split(rstrip(read_text(bench.folder.path("same/agreement_made_up.jsonl"))), "\n")) {
    const Value document = parse_json(line, "agreement");
    const std::string answer = document.find("answer")->string();
    CHECK(document.find("reference")->string() == answer);
    const bool words = answer.find_first_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != std::string::npos;
    CHECK(document.find("rougeL")->number() == (words ? 1 : 0));
  }
  CHECK(result.pairs.empty());
}

TEST_CASE("a pruned model's answers are measured against the dense one's, the same after a resume", "[run][agreement][journal]") {
  const AgreementBench bench;
  const RunResult result = bench.run_in("pruned", bench.config_with(kHalf));
  CHECK(value_of(result, "kl_divergence") > 0);
  CHECK(value_of(result, "exact_match") < 1);
  CHECK(task_of(result, 1).metrics.size() == 4);
  const std::string text = read_text(bench.folder.path("pruned/record.json"));
  const Value schema = parse_json(read_text(home_path("reports/record.schema.json")), "record.schema.json");
  CHECK(schema_errors(schema, parse_json(text, "record.json")) == std::vector<std::string>{});
  // Without its last line, which is of the pair.
  std::vector<std::string> lines = split(read_text(bench.folder.path("pruned/journal.jsonl")), "\n");
  REQUIRE(lines.size() > 2);
  CHECK(lines[lines.size() - 2].find("\"variant\":\"pair\"") != std::string::npos);
  lines.resize(lines.size() - 2);
  write_file(bench.folder.path("again/journal.jsonl"), join(lines, "\n") + "\n");
  CHECK(timeless(bench.run_in("again", bench.config_with(kHalf))) == timeless(result));
}

TEST_CASE("without a second model an agreement is empty and says why", "[run][agreement]") {
  const AgreementBench bench;
  const RunResult result = bench.run_in("alone", bench.config_with(""));
  REQUIRE(result.variants.size() == 1);
  CHECK(task_of(result, 0).metrics.at("rougeL,none") == Estimate::missing("nothing is compressed"));
}

TEST_CASE("answers of an agreement are in lm-evaluation-harness's logs, its metrics in the results", "[run][agreement][lm-eval]") {
  const AgreementBench bench;
  const RunResult result = bench.run_in("run", bench.config_with(kHalf));
  for (const std::string variant : {"dense", "compressed"}) {
    const std::string folder = cat("run/lm-eval/", variant, "/");
    const std::vector<std::string> lines = split(rstrip(read_text(bench.folder.path(folder + "samples_made_up.jsonl"))), "\n");
    REQUIRE(lines.size() == 3);
    const Value line = parse_json(lines[1], "log");
    CHECK(*line.find("doc_id") == Value(1));
    CHECK(*line.find("metrics") == Value(Value::List{}));
    CHECK(*line.find("filter") == Value("none"));
    CHECK(line.find("resps")->list()[0].list()[0] == line.find("filtered_resps")->list()[0]);
    const Value logged = parse_json(read_text(bench.folder.path(folder + "results.json")), "results");
    const Value* const rouge = logged.find("results")->find("made_up")->find("rougeL,none");
    CHECK((rouge != nullptr) == (variant == "compressed"));
    if (rouge != nullptr) CHECK(rouge->number() == value_of(result, "rougeL"));
  }
}

TEST_CASE("agreements of two runs with one dense model are compared document by document", "[run][agreement][compare]") {
  const AgreementBench bench;
  bench.run_in("a", bench.config_with(kHalf));
  bench.run_in("b", bench.config_with("compress: [{method: magnitude, sparsity: 0.9}]\n"));
  const std::string a = bench.folder.path("a"), b = bench.folder.path("b");
  const RunComparison comparison = compare_runs(a, b, "");
  REQUIRE(comparison.metrics.size() == 4);
  for (const ComparedMetric& metric : comparison.metrics) {
    CHECK(metric.protocol == "agreement 0, sample");
    CHECK(metric.pair.difference.n == 3);
    CHECK(*metric.pair.difference.value == Approx(*metric.b.value - *metric.a.value).margin(1e-12));
  }
  CHECK(comparison.left_out.empty());
  const RunComparison dense = compare_runs(a, b, "dense");
  CHECK(dense.metrics.empty());
  REQUIRE(dense.left_out.size() == 1);
  CHECK(dense.left_out[0].task == "made_up");
  CHECK(dense.left_out[0].reason == cat("the dense model's answers are the reference, in ", a));

  const std::string path = bench.folder.path("b/agreement_made_up.jsonl"), log = read_text(path);
  write_text(path, replace_all(log, "\"reference\":\"", "\"reference\":\"other"));
  CHECK(compare_runs(a, b, "").left_out.at(0).reason == "the dense model's own answers differ between the runs");
  write_text(path, "{\"id\": 0}\n");
  CHECK_THROWS_WITH(compare_runs(a, b, ""), cat(path, ":1: missing key 'reference'"));
  const size_t second = log.find('\n') + 1;
  write_text(path, log.substr(0, second) + replace_all(log.substr(second), "\"rougeL\":", "\"rouge\":"));
  CHECK_THROWS_WITH(compare_runs(a, b, ""), cat(path, ":2: missing key 'rougeL'"));
  write_text(path, replace_all(log, "\"id\":", "\"id\":1"));
  CHECK(compare_runs(a, b, "").left_out.at(0).reason == "the dense model answered other documents");
  std::filesystem::remove(path);
  CHECK(compare_runs(a, b, "").left_out.at(0).reason == cat("no answers were compared with the dense model's in ", b));
}

TEST_CASE("a judge's score is a metric of its own, its command and output in the record", "[run][agreement][judge]") {
  const AgreementBench bench;
  const std::string judge = "sed 's/^{.id.:\\([0-9]*\\),.*/{\"id\": \\1, \"score\": \\1}/'";
  const RunResult result = bench.run_in("judged", bench.config_with(cat(kHalf, "judge: ", to_json(Value(judge)), "\n")));
  const Estimate& score = task_of(result, 1).metrics.at("judge,none");
  CHECK(*score.value == 1);  // of 0, 1, 2: standard deviation 1
  CHECK(*score.standard_error == Approx(1 / std::sqrt(3.0)));
  const Value& told = *result.context.find("judges")->find("made_up");
  CHECK(told.find("command")->string() == judge);
  CHECK(told.find("output_sha256")->string() ==
        sha256_hex("{\"id\": 0, \"score\": 0}\n{\"id\": 1, \"score\": 1}\n{\"id\": 2, \"score\": 2}\n"));
  CHECK_THROWS_WITH(read_run_config(bench.config("tasks: [piqa]\njudge: cat\n"), {}),
                    Catch::EndsWith("tiny.yaml:3:8: judge: expected a task of output_type agreement among tasks, whose answers are judged"));
}
