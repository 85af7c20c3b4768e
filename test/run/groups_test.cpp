// A run of a group: its line in the record and the reports.
#include <catch2/catch.hpp>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/run/groups.h"
#include "reports/report.h"
#include "test/support/home.h"
#include "test/support/json_schema.h"
#include "test/support/tiny_bench.h"

using namespace evalharness;

TEST_CASE("a group in a run is its tasks and a line of its own", "[run][group]") {
  const TinyBench bench;
  write_file(bench.folder.path("g.yaml"),
             "group: g\ntask: [piqa, openbookqa]\naggregate_metric_list: [{metric: acc}, {metric: acc_norm, "
             "weight_by_size: false}]\nmetadata: {version: 7}\n");
  const RunResult result = bench.run_in(
      "run", bench.config(cat("compress: [{method: magnitude, pattern: 2:4}]\ntasks: [", bench.folder.path("g.yaml"),
                              "]\nlimits: {g: 3, openbookqa: 2}\n")));
  const BackendResult& cpu = result.variants.at(0).backends.at(0);
  CHECK(cpu.tasks.at("piqa").documents == 3);
  CHECK(cpu.tasks.at("openbookqa").documents == 2);
  const GroupResult& group = cpu.groups.at("g");
  CHECK(group.tasks == std::vector<std::string>{"piqa", "openbookqa"});
  CHECK(group.total.protocol == "lm-eval 7, 2 tasks");
  CHECK(group.total.documents == 5);
  const auto value = [&](const std::string& task, const std::string& metric) {
    return *cpu.results().at(task)->metrics.at(metric).value;
  };
  CHECK(value("g", "acc,none") == Approx((3 * value("piqa", "acc,none") + 2 * value("openbookqa", "acc,none")) / 5));
  CHECK(value("g", "acc_norm,none") ==
        Approx((value("piqa", "acc_norm,none") + value("openbookqa", "acc_norm,none")) / 2));

  size_t changes = 0;
  for (const PairResult& pair : result.pairs) {
    if (pair.task != "g") continue;
    const BackendResult& after = result.variants.at(1).backends.at(0);
    CHECK(*pair.difference.value ==
          Approx(*after.results().at("g")->metrics.at(pair.metric).value - value("g", pair.metric)).margin(1e-12));
    ++changes;
  }
  CHECK(changes == 2);

  const std::string text = read_text(bench.folder.path("run/record.json"));
  const Value schema = parse_json(read_text(home_path("reports/record.schema.json")), "record.schema.json");
  CHECK(schema_errors(schema, parse_json(text, "record.json")) == std::vector<std::string>{});
  CHECK(run_result_from_json(text, "record.json") == result);
  CHECK_THAT(report_table(result, false), Catch::Contains("  g acc ") && Catch::Contains("lm-eval 7, sample") && Catch::Contains("g: mean of 2 tasks"));
  CHECK_THAT(report_markdown(result), Catch::Contains("| g acc"));
  CHECK_THAT(report_csv(result), Catch::Contains("tiny,group,dense,cpu,g,\"acc,none\","));
  const Value logged = parse_json(read_text(bench.folder.path("run/lm-eval/dense/results.json")), "results.json");
  CHECK(logged.find("groups")->find("g")->find("acc,none")->number() == value("g", "acc,none"));
  CHECK(*logged.find("group_subtasks")->find("g") == Value(Value::List{"piqa", "openbookqa"}));
}

TEST_CASE("a group's line sums what was counted of its tasks", "[run][group]") {
  TaskResult a, b;
  a.documents = 3;
  a.skipped = {{"limit", 2}, {"transforms", 1}};
  a.truncated = 1;
  a.unfinished = 4;
  a.unextracted = {{"strict", 2}};
  b.documents = 5;
  b.skipped = {{"limit", 10}};
  b.truncated = 2;
  b.unfinished = 1;
  b.unextracted = {{"strict", 1}, {"flexible", 7}};
  TaskGroup group;
  group.name = "g";
  group.tasks = {"a", "b"};
  const TaskResult total = group_results({group}, {{"a", a}, {"b", b}}).at("g").total;
  CHECK(total.documents == 8);
  CHECK(total.skipped == std::map<std::string, size_t>{{"limit", 12}, {"transforms", 1}});
  CHECK(total.truncated == 3);
  CHECK(total.unfinished == 5);
  CHECK(total.unextracted == std::map<std::string, size_t>{{"strict", 3}, {"flexible", 7}});
}
