// The comparison page of a suite: a row a cell, in text and as a plot.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <regex>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/report.h"
#include "reports/svg.h"
#include "reports/sweep_view.h"
#include "test/support/measured.h"

namespace evalharness {
namespace {

constexpr uint64_t kMebi = 1024 * 1024;

Variant variant(const std::string& name, uint64_t mebibytes, Estimate perplexity, double speedup) {
  BackendResult cpu;
  cpu.name = "cpu";
  TaskResult task;
  task.protocol = "wikitext2-2048";
  task.documents = 12;
  task.available = 148;
  task.metrics["perplexity"] = std::move(perplexity);
  cpu.tasks["wikitext2"] = std::move(task);
  SpeedResult decode;
  decode.phase = "decode";
  decode.tokens = 128;
  decode.context = 512;
  decode.speedup = measured(speedup, 0.01, 12);
  cpu.speed = {decode};
  Variant variant;
  variant.name = name;
  variant.size.disk_bytes = mebibytes * kMebi;
  variant.size.bits_per_weight_linears = static_cast<double>(mebibytes) / 16;
  variant.size.compression_ratio = 256.0 / static_cast<double>(mebibytes);
  variant.backends = {cpu};
  return variant;
}

RunResult cell(const std::string& name, uint64_t mebibytes, double perplexity) {
  RunResult record;
  record.name = name;
  record.status = "ok";
  record.config = Value::Map{{"tasks", Value::List{"wikitext2"}}};
  record.steps = {{.method = "rtn", .seconds = 61, .details = {}, .layers = {}}};
  record.variants = {variant("dense", 256, measured(20, 2, 12), 1),
                     variant("compressed", mebibytes, measured(perplexity, 3, 12), 1.25)};
  PairResult pair;
  pair.task = "wikitext2";
  pair.metric = "perplexity";
  pair.backend = "cpu";
  pair.difference = measured(std::log(perplexity / 20), 0.05, 12);
  record.pairs = {pair};
  return record;
}

RunResult failed_cell() {
  RunResult record;
  record.name = "broken";
  record.status = "failed: group 100 does not divide 576";
  return record;
}

RunResult diverged_cell() {
  RunResult record = cell("wild", 64, 20);
  record.status = "diverged";
  record.variants[1].backends[0].tasks["wikitext2"].metrics["perplexity"] =
      Estimate::missing("diverged");
  record.pairs[0].difference = Estimate::missing("diverged");
  return record;
}

std::vector<RunResult> records() {
  return {cell("rtn", 128, 40), cell("gptq", 128, 30), cell("small", 64, 60),
          cell("bad", 150, 35), failed_cell(),         diverged_cell()};
}

}  // namespace

TEST_CASE("a cell is dominated where another is no larger and better", "[reports][sweep]") {
  std::vector<std::string> dominated;
  for (const SweepRow& row : sweep_view(records()).rows)
    if (row.dominated) dominated.push_back(row.name);
  CHECK(dominated == std::vector<std::string>{"rtn", "bad"});
}

TEST_CASE("the table of a suite has the dense model, every cell, and why a cell has no number",
          "[reports][sweep]") {
  const std::vector<std::string> lines = split(sweep_table(sweep_view(records())), "\n");
  const auto words = [&](size_t line) { return join(split_whitespace(lines.at(line)), " "); };
  CHECK(words(0) ==
        "cell bits/weight disk ratio wikitext2 perplexity to dense speedup decode 128 @ 512 compressed in "
        "best of its size");
  CHECK(words(1) == "dense 16.00 256 MiB ×1.00 20.000 ± 2.000 ×1.00 ± 0.01 yes");
  CHECK(words(2) ==
        "rtn 8.00 128 MiB ×2.00 40.000 ± 3.000 ×2.000 ± 0.100 * ×1.25 ± 0.01 1 min 01 s no");
  CHECK(words(3) ==
        "gptq 8.00 128 MiB ×2.00 30.000 ± 3.000 ×1.500 ± 0.075 * ×1.25 ± 0.01 1 min 01 s yes");
  CHECK(words(6) == "broken");
  CHECK(words(7) == "wild 4.00 64.0 MiB ×4.00 diverged ×1.25 ± 0.01 1 min 01 s");
  CHECK(code_points(lines[2]) == code_points(lines[3]));  // aligned on the right
  CHECK(std::ranges::find(lines, "wikitext2 perplexity: wikitext2-2048, n 12/148") != lines.end());
  CHECK(std::ranges::find(lines, "broken: failed: group 100 does not divide 576") != lines.end());
  CHECK(std::ranges::find(lines, "wild: diverged") != lines.end());
}

TEST_CASE("csv and json of a suite hold the numbers as they were measured", "[reports][sweep]") {
  const SweepView view = sweep_view(records());
  const std::vector<std::string> lines = split(sweep_csv(view), "\r\n");
  REQUIRE(lines.size() == 9);  // header, dense, six cells, the end
  CHECK(lines[0] ==
        "cell,status,disk_bytes,bits_per_weight,bits_per_weight_linears,sparsity_linears,"
        "compression_ratio,"
        "compression_seconds,dominated,wikitext2 perplexity,wikitext2 perplexity n,wikitext2 perplexity "
        "standard_error,wikitext2 perplexity "
        "difference,wikitext2 perplexity difference standard_error,wikitext2 perplexity "
        "p_value,speedup decode 128 @ "
        "512,speedup decode 128 @ 512 standard_error");
  CHECK(lines[2] == cat("rtn,ok,134217728,0,8,0,2,61,true,40,12,3,", number_text(std::log(2.0)),
                        ",0.05,,1.25,0.01"));
  const Value json = parse_json(sweep_json("core", view), "sweep.json");
  CHECK(json.find("suite")->string() == "core");
  const Value& gptq = json.find("rows")->list().at(2);
  CHECK(gptq.find("quality")
            ->find("wikitext2 perplexity")
            ->find("quality")
            ->find("value")
            ->number() == 30);
}

TEST_CASE("a page of a suite says of each cell what was lost on the way to its numbers", "[reports][sweep]") {
  std::vector<RunResult> cells = {cell("rtn", 128, 40)};
  TaskResult& task = cells[0].variants[1].backends[0].tasks["wikitext2"];
  task.truncated = 2;
  task.unfinished = 5;
  task.skipped = {{"limit", 136}, {"transforms", 3}};
  task.unextracted = {{"strict-match", 4}};  // of another metric than the one shown
  const std::string text = sweep_markdown("core", sweep_view(cells));
  CHECK(text.find("- rtn: wikitext2 perplexity: rows left out by transforms: 3\n"
                  "- rtn: wikitext2 perplexity: requests whose context was cut: 2\n"
                  "- rtn: wikitext2 perplexity: texts that ended at max_gen_toks, not at a stop: 5\n") != std::string::npos);
  CHECK(text.find("strict-match") == std::string::npos);
  CHECK(text.find("left out by limit") == std::string::npos);
  const Value json = parse_json(sweep_json("core", sweep_view(cells)), "sweep.json");
  CHECK(json.find("rows")->list().at(0).find("losses")->list().empty());  // dense
  CHECK(json.find("rows")->list().at(1).find("losses")->list().size() == 3);
}

TEST_CASE("a cell of other documents says so, and one that compresses nothing has its numbers", "[reports][sweep]") {
  std::vector<RunResult> cells = {cell("rtn", 128, 40), cell("few", 128, 30), cell("plain", 128, 20)};
  TaskResult& task = cells[1].variants[1].backends[0].tasks["wikitext2"];
  task.documents = 4;
  task.metrics["perplexity"].n = 4;
  task.sample = true;
  cells[2].variants.resize(1);
  cells[2].pairs.clear();
  const SweepView view = sweep_view(cells);
  REQUIRE(view.rows.size() == 4);
  CHECK(view.rows[0].losses.empty());
  CHECK(view.rows[1].losses.empty());
  CHECK(view.rows[2].losses == std::vector<std::string>{"wikitext2 perplexity: by wikitext2-2048, sample, n 4/148"});
  CHECK(view.rows[3].name == "plain");
  CHECK(view.rows[3].quality[0].value == 20);
  CHECK(!view.rows[3].differences[0].difference.value);
}

TEST_CASE("markdown of a suite has a row a cell and says what failed", "[reports][sweep]") {
  const std::string text = sweep_markdown("core", sweep_view(records()));
  CHECK(text.find("| gptq | 8.00 | 128 MiB | ×2.00 | 30.000 ± 3.000 |") != std::string::npos);
  CHECK(text.find("- broken: failed: group 100 does not divide 576\n") != std::string::npos);
  CHECK(text.find("- wild: diverged\n") != std::string::npos);
}

TEST_CASE("names in the plot of a suite cover neither each other nor a mark",
          "[reports][sweep][svg]") {
  const std::string svg = pareto_svg("core", sweep_view(records()));
  const std::regex name(
      R"re(<text class="name [a-z]+" x="([0-9.]+)" y="([0-9.]+)" text-anchor="(start|end)">([^<]+)<)re");
  std::vector<Box> boxes;
  std::vector<std::string> names;
  for (std::sregex_iterator at(svg.begin(), svg.end(), name), end; at != end; ++at) {
    const double width = text_width((*at)[4].str(), 11.5), x = std::stod((*at)[1]),
                 y = std::stod((*at)[2]);
    const double left = (*at)[3] == "end" ? x - width : x;
    boxes.push_back({left, y - 10, left + width, y + 2});
    names.push_back((*at)[4]);
  }
  std::ranges::sort(names);
  CHECK(names == std::vector<std::string>{"bad", "dense", "gptq", "rtn", "small"});
  for (size_t a = 0; a < boxes.size(); ++a)
    for (size_t b = a + 1; b < boxes.size(); ++b) CHECK(!overlaps(boxes[a], boxes[b]));
  CHECK(svg.find("weights on disk, MiB") != std::string::npos);
  CHECK(svg.find("wikitext2 perplexity, logarithmic (lower is better)") != std::string::npos);
  CHECK_THROWS_WITH(pareto_svg("core", sweep_view(std::vector<RunResult>{failed_cell()})),
                    "core: no cell has a quality to plot");
}

}  // namespace evalharness
