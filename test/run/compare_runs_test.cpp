// Two finished runs of a tiny model, compared from their journals.
#include "harness/metrics/paired.h"
#include "harness/run/compare_runs.h"

#include <catch2/catch.hpp>
#include <algorithm>
#include <filesystem>

#include "harness/base/mapped_file.h"
#include "test/support/tiny_bench.h"

using namespace evalharness;

namespace {

const std::string kComparedTasks =
    "tasks: [wikitext2, lambada_openai, piqa]\nlimits: {wikitext2: 2, lambada_openai: 5, piqa: 5}\n";
const std::string kPrune = "compress: [{method: magnitude, sparsity: 0.5}]\n";

struct CompareBench : TinyBench {
  std::string run_as(const std::string& name, const std::string& rest, const std::string& model = "model") const {
    run_in(name, config(rest, model));
    return folder.path(name);
  }
};

}  // namespace

TEST_CASE("comparing a run of the original with one of the compressed model gives what that one's own pairs say", "[run][compare]") {
  const CompareBench bench;
  const std::string a = bench.run_as("a", kComparedTasks), b = bench.run_as("b", kComparedTasks + kPrune);
  const std::string record = b + "/record.json";
  const std::vector<PairResult> pairs = run_result_from_json(read_text(record), record).pairs;
  const RunComparison comparison = compare_runs(a, b, "");
  CHECK(comparison.a.variant == "dense");
  CHECK(comparison.b.variant == "compressed");
  REQUIRE(comparison.metrics.size() == pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    CHECK(comparison.metrics[i].pair == pairs[i]);
    // Of right and wrong McNemar's test; of the perplexity Student's t, where the windows differ.
    CHECK(pairs[i].p_value.has_value() == pairs[i].metric.starts_with("acc"));
    CHECK(comparison.metrics[i].test == (pairs[i].p_value ? "McNemar" : paired_p_value(pairs[i].difference) ? "paired t" : ""));
  }
  CHECK(comparison.metrics[0].task == "wikitext2");
  REQUIRE(comparison.settings.size() == 1);
  CHECK(comparison.settings[0].key == "compress");
  CHECK(comparison.settings[0].a == "");
  CHECK(comparison.settings[0].b == R"([{"method":"magnitude","sparsity":0.5,"scope":"layer"}])");
}

TEST_CASE("compared with itself a run does not differ, and tasks of one run only are named", "[run][compare]") {
  const CompareBench bench;
  const std::string a = bench.run_as("a", "tasks: [piqa, lambada_openai]\nlimits: {piqa: 4, lambada_openai: 2}\n");
  const std::string b = bench.run_as("b", "tasks: [piqa, wikitext2]\nlimits: {piqa: 4, wikitext2: 1}\n");
  const RunComparison comparison = compare_runs(a, b, "dense");
  REQUIRE(comparison.metrics.size() == 2);
  for (const ComparedMetric& metric : comparison.metrics) {
    CHECK(metric.task == "piqa");
    CHECK(metric.a == metric.b);
    CHECK(metric.pair.difference.value == 0);
    CHECK(metric.p_value == 1);
  }
  CHECK(comparison.only_a == std::vector<std::string>{"lambada_openai"});
  CHECK(comparison.only_b == std::vector<std::string>{"wikitext2"});
}

TEST_CASE("a group that both runs have alike is compared above its tasks, as in a run of both models", "[run][compare][group]") {
  const CompareBench bench;
  const std::string group = "task: [piqa, openbookqa]\naggregate_metric_list: [{metric: acc, weight_by_size: ";
  write_file(bench.folder.path("g.yaml"), "group: g\n" + group + "true}]\n");
  const std::string tasks = cat("tasks: [lambada_openai, ", bench.folder.path("g.yaml"), "]\nlimits: {g: 3, lambada_openai: 2}\n");
  const std::string a = bench.run_as("a", tasks), b = bench.run_as("b", tasks + kPrune);
  const std::string record = b + "/record.json";
  const std::vector<PairResult> pairs = run_result_from_json(read_text(record), record).pairs;
  const auto own = std::ranges::find(pairs, "g", &PairResult::task);
  REQUIRE(own != pairs.end());
  const std::vector<ComparedMetric> metrics = compare_runs(a, b, "").metrics;
  REQUIRE(metrics.size() == pairs.size());
  CHECK(metrics[1].task == "lambada_openai");
  CHECK(metrics[2].task == "g");
  CHECK(metrics[2].pair == *own);
  CHECK(metrics[2].a.n == 6);
  CHECK(metrics[3].task == "piqa");

  write_file(bench.folder.path("h/g.yaml"), "group: g\n" + group + "false}]\n");
  const std::string other = bench.run_as("c", replace_all(tasks, "/g.yaml", "/h/g.yaml"));
  for (const ComparedMetric& metric : compare_runs(a, other, "").metrics) CHECK(metric.task != "g");
}

TEST_CASE("runs that did not answer the same are not compared", "[run][compare]") {
  const CompareBench bench;
  const std::string piqa = "tasks: [piqa]\nlimits: {piqa: 4}\n";
  const std::string a = bench.run_as("a", piqa);
  const auto fails_with = [&](const std::string& b, const std::string& text) {
    CHECK_THROWS_WITH(compare_runs(a, b, ""), text);
  };
  const std::string fewer = bench.run_as("fewer", "tasks: [piqa]\nlimits: {piqa: 3}\n");
  fails_with(fewer, cat("compare: piqa: different documents or prompts: 4 of 30 in ", a, ", 3 of 30 in ", fewer));
  const std::string other = bench.run_as("other", "tasks: [lambada_openai]\nlimits: {lambada_openai: 1}\n");
  fails_with(other, cat("compare: no task that both ran: piqa in ", a, ", lambada_openai in ", other));
  CHECK_THROWS_WITH(compare_runs(a, a, "compressed"), cat(a, ": no variant 'compressed'; there are: dense"));
  fails_with(bench.folder.path("none"), cat(bench.folder.path("none"), ": no record.json: expected the folder of a run"));

  const std::string changed = bench.run_as("changed", piqa), path = changed + "/record.json";
  const std::string text = read_text(path);
  write_text(path, replace_all(text, "\"lm-eval 1.0\"", "\"lm-eval 0.9\""));
  fails_with(changed, cat("compare: piqa: different protocols: lm-eval 1.0 in ", a, ", lm-eval 0.9 in ", changed));
  write_text(path, replace_all(text, "\"ok\"", "\"interrupted\""));
  fails_with(changed, cat(changed, ": expected a finished run, its status is 'interrupted'"));
  write_text(path, text);
  std::filesystem::remove(changed + "/journal.jsonl");
  fails_with(changed, cat(changed, ": no journal.jsonl: without answers there is nothing to compare"));

  write_tiny_folder(bench.folder.path("another"), {.seed = 1, .context = 2048});
  const std::string model = bench.run_as("model_b", piqa, "another");
  CHECK_THROWS_WITH(compare_runs(a, model, ""), Catch::Contains("have different models: "));
}
