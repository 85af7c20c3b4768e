#include <catch2/catch.hpp>
#include <algorithm>
#include <regex>

#include "harness/base/text.h"
#include "reports/comparison.h"
#include "reports/format.h"
#include "reports/name_columns.h"
#include "reports/report.h"
#include "reports/roofline_view.h"
#include "reports/svg.h"
#include "test/support/example_record.h"
#include "test/support/measured.h"

namespace evalharness {
namespace {

TaskResult task(const std::string& protocol, const std::string& metric, Estimate estimate) {
  TaskResult result;
  result.protocol = protocol;
  result.documents = 200;
  result.available = 1838;
  result.metrics[metric] = std::move(estimate);
  return result;
}

Variant variant(const std::string& name, double accuracy, double tokens_per_second,
                Estimate speedup) {
  SpeedResult decode;
  decode.phase = "decode";
  decode.tokens = 128;
  decode.tokens_per_second = measured(tokens_per_second, 2, 7);
  decode.latency_ms = measured(1000 / tokens_per_second, 0.1, 7);
  decode.speedup = std::move(speedup);
  BackendResult cpu;
  cpu.name = "cpu";
  cpu.tasks["piqa"] = task("lm-eval 1.0", "acc,none", measured(accuracy, 0.03, 200));
  cpu.tasks["piqa"].sample = true;
  cpu.speed = {decode};
  BackendResult cuda;
  cuda.name = "cuda";
  cuda.unavailable = "no CUDA device on this machine";
  return {name, {1048576, 1048576, 16, 16, 0, 0, 1}, {cpu, cuda}};
}

// One task, one speed; the compressed model runs half of its layers without a kernel.
RunResult small_record() {
  RunResult run;
  run.status = "ok";
  run.name = "small";
  run.context = Value::Map{{"cpu", "Abacus"}, {"threads", 2}};
  run.config = Value::Map{{"model", "tiny"}};
  run.steps = {{.method = "wanda", .seconds = 1, .details = {}, .layers = {}}};
  run.variants = {variant("dense", 0.675, 80, measured(1, 0.01, 7)),
                  variant("compressed", 0.65, 100, Estimate::missing("simulated"))};
  run.variants[1].size = {524288, 786432, 8, 4.25, 0.25, 0.5, 2};
  run.variants[1].backends[0].tasks["ptb"] =
      task("ptb-new-2048", "perplexity", Estimate::missing("diverged"));
  PairResult pair{"piqa", "acc,none", "cpu", measured(-0.025, 0.01, 200), 0.0625, 5, 0, 5};
  run.pairs = {pair};
  return run;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Two tasks of a group that bears their names, and one that does not.
RunResult record_of_a_group() {
  RunResult run = small_record();
  for (Variant& variant : run.variants) {
    BackendResult& cpu = variant.backends[0];
    cpu.tasks.clear();
    GroupResult group{{"bbh_cot_navigate", "bbh_cot_snarks", "other"}, task("lm-eval 3.0, 3 tasks by size", "exact_match,get", measured(0.5, 0.1, 600))};
    for (const std::string& name : group.tasks) cpu.tasks[name] = task("lm-eval 4.0", "exact_match,get", measured(0.5, 0.1, 200));
    cpu.tasks["bbh_cot_snarks"].metrics["acc,none"] = measured(0.25, 0.1, 200);
    cpu.tasks["bbh_aaa"] = task("lm-eval 4.0", "acc,none", measured(0.5, 0.1, 200));
    cpu.groups["bbh_cot"] = group;
  }
  run.pairs.clear();
  return run;
}

// Every opened element is closed in order, and attributes are quoted.
bool is_well_formed(const std::string& xml) {
  const std::regex tag(R"re(<(/?)([A-Za-z]+)((?:\s+[A-Za-z0-9_:-]+="[^"<]*")*)\s*(/?)>)re");
  std::vector<std::string> open;
  std::string between = xml;
  size_t tags = 0;
  for (std::sregex_iterator it(xml.begin(), xml.end(), tag), end; it != end; ++it, ++tags) {
    const std::smatch& match = *it;
    if (match[4].length() > 0) continue;
    if (match[1].length() == 0) {
      open.push_back(match[2]);
    } else if (open.empty() || open.back() != match[2]) {
      return false;
    } else {
      open.pop_back();
    }
  }
  const std::string rest = std::regex_replace(xml, tag, "");
  return tags > 0 && open.empty() && !contains(rest, "<") &&
         !std::regex_search(rest, std::regex("&(?!amp;|lt;|gt;|quot;)"));
}

// First value of an attribute among the elements that match.
double attribute(const std::string& svg, const std::string& element, const std::string& name) {
  std::smatch match;
  REQUIRE(std::regex_search(svg, match, std::regex(element)));
  const std::string found = match[0];
  REQUIRE(std::regex_search(found, match, std::regex(" " + name + "=\"([-0-9.]+)\"")));
  return std::stod(match[1]);
}

// A machine of 1 TFLOP/s and 10 GB/s and one dense layer.
RunResult one_point(double flops, double bytes, double seconds) {
  BackendResult cpu;
  cpu.name = "cpu";
  cpu.roofline.compute = {{"peak", 1e12, 0, "roof"}};
  cpu.roofline.bandwidth = {{"read", 1e10, 1e9, "roof"}};
  RooflinePoint point;
  point.name = "q_proj";
  point.phase = "decode";
  point.kernel = "k<1>";
  point.flops = point.executed_flops = flops;
  point.bytes = bytes;
  point.seconds = measured(seconds, 0, 5);
  point.bound_seconds = seconds / 2;
  cpu.roofline.points = {point};
  RunResult run;
  run.name = "one & only";
  run.variants = {{"dense", {}, {cpu}}};
  return run;
}

}  // namespace

TEST_CASE("tasks of a group stand below it, called by what its name leaves", "[reports]") {
  const Comparison table = compare_variants(record_of_a_group());
  const auto section = std::ranges::find(table.sections, "quality on cpu", &ComparisonSection::title);
  REQUIRE(section != table.sections.end());
  std::vector<std::string> labels;
  for (const ComparisonRow& row : section->rows) labels.push_back(row.label);
  CHECK(labels == std::vector<std::string>{"bbh_aaa acc", "bbh_cot exact_match (get)", "· navigate", "· snarks acc",
                                           "· snarks", "other exact_match (get)"});
  CHECK(section->rows[1].protocol == "lm-eval 3.0");
  CHECK(table.notes.at(section->rows[1].notes.at(0)) == "bbh_cot: mean of 3 tasks by size");
  CHECK(section->rows[2].protocol == "lm-eval 4.0");
}

TEST_CASE("the table shows dense beside compressed, and why a cell is empty", "[reports]") {
  CHECK(report_table(small_record(), false) ==
        R"(small: ok
tiny; wanda
Abacus; 2 threads

                                 dense      compressed                 change         n  protocol
size
  disk                        1.00 MiB         512 KiB                -50.0 %
  memory of weights           1.00 MiB         768 KiB                -25.0 %
  compression ratio              ×1.00           ×2.00
  bits/weight                    16.00            8.00
  bits/weight, linears           16.00            4.25
  sparsity                      0.00 %         25.00 %
  sparsity, linears             0.00 %         50.00 %
quality on cpu
  piqa acc              67.50 ± 3.00 %  65.00 ± 3.00 %  -2.50 ± 1.00, p 0.062  200/1838  lm-eval 1.0, sample
  ptb perplexity [1]                                                           200/1838  ptb-new-2048
speed on cpu: decode of 128 tokens, batch 1
  tokens/s                  80.0 ± 2.0         100 ± 2                                7
  TPOT                   12.5 ± 0.1 ms   10.0 ± 0.1 ms                                7
  speedup                 ×1.00 ± 0.01       simulated                                7

cuda: no CUDA device on this machine
[1] compressed: diverged
)");
}

TEST_CASE("percentiles of the time of a token, and doubts about it, stand in the table", "[reports]") {
  // 1000 / 84.1 is 11.89 ms; the example's median is 1.05, its p90 1.09 times that, of 512 samples.
  const std::string text = report_markdown(example_record());
  CHECK(contains(text, "| tokens/s [7] |"));
  CHECK(contains(text, "- [7] dense and compressed: the warm-up ended before its times settled\n"));
  CHECK(contains(text, "| TTFT |"));
  CHECK(contains(text, "| TPOT |"));
  CHECK(contains(text, "| TPOT p50 | 12.5 ms | 6.76 ms |  | 512 |"));
  CHECK(contains(text, "| TPOT p90 | 13.0 ms | 7.02 ms |  | 512 |"));
  CHECK(contains(text, "| TPOT p99 [8] |"));
  CHECK(contains(text, "- [8] dense and compressed: n/a (need 662)\n"));
  const std::string csv = report_csv(example_record());
  CHECK(contains(csv, "gptq_4bit,speed,dense,cpu,decode,\"latency_ms,p99\",,,,,0,n/a (need 662),"));
  CHECK(contains(csv, "gptq_4bit,speed,dense,cpu,decode,\"latency_ms,p90,conservative\",16.2"));
  CHECK(contains(csv, "gptq_4bit,speed,dense,cpu,decode,note,,,,,0,the warm-up ended before its times settled,"));
}

TEST_CASE("no line of a table is wider than 110 columns", "[reports]") {
  RunResult record = example_record();
  TaskResult& task =
      record.variants[0].backends[0].tasks["bbh_tracking_shuffled_objects_seven_objects"];
  task = record.variants[0].backends[0].tasks["gsm8k"];
  record.variants[1].backends[0].tasks["gsm8k"].metrics.begin()->second.reason =
      "diverged: " + std::string(30, 'x') +
      " and a reason that takes more words than one line of the table has room for";
  for (const std::string& line : split(report_table(record, false), "\n")) {
    INFO(line);
    CHECK(code_points(line) <= 110);
  }
}

TEST_CASE("colours come only where asked, and change nothing else", "[reports]") {
  const RunResult record = example_record();
  const std::string plain = report_table(record, false);
  CHECK(!contains(plain, "\x1b"));
  const std::string coloured = report_table(record, true);
  CHECK(contains(coloured, "\x1b[31m  -1.85 ± 0.63, p 0.004\x1b[0m"));
  CHECK(std::regex_replace(coloured, std::regex("\x1b\\[[0-9]*m"), "") == plain);
}

TEST_CASE("a dense model alone has no change to show", "[reports]") {
  RunResult record = small_record();
  record.variants.pop_back();
  record.pairs.clear();
  CHECK(!contains(report_table(record, false), "change"));
}

TEST_CASE("numbers read as people write them", "[reports]") {
  CHECK(metric_text(measured(5.4712, 0.0312, 148), metric_style("perplexity")) == "5.471 ± 0.031");
  CHECK(metric_text(measured(123.456, 2.5, 148), metric_style("word_perplexity,none")) ==
        "123.46 ± 2.50");
  CHECK(metric_text(measured(5.4e6, 1.2e5, 148), metric_style("perplexity")) ==
        "5.40e+06 ± 1.20e+05");
  CHECK(metric_text(measured(0.6681, 0.011, 1838), metric_style("acc_norm,none")) ==
        "66.81 ± 1.10 %");
  CHECK(metric_text(Estimate::missing("simulated: no kernel"), metric_style("acc")) == "simulated");
  CHECK(metric_text(Estimate::missing("diverged"), metric_style("acc")) == "");
  CHECK(metric_label("acc,none") == "acc");
  CHECK(metric_label("exact_match,strict-match") == "exact_match (strict-match)");
  CHECK(si_text(0.5) == "0.50");
  CHECK(si_text(6.265e12) == "6.26 T");
  CHECK(si_text(999.7) == "1.00 k");
  CHECK(si_text(999e9) == "999 G");
}

TEST_CASE("a pair's change is in points for an accuracy and a ratio for a perplexity",
          "[reports]") {
  PairResult pair{"piqa", "acc,none", "cpu", measured(-0.0125, 0.0061, 1838), 0.0004, 0, 0, 0};
  CHECK(difference_text(pair) == "-1.25 ± 0.61, p < 0.001");
  // ln 2 = 0.693147; the error is carried through exp: 2 * 0.01.
  PairResult perplexity{
      "wikitext2", "perplexity", "cpu", measured(0.693147, 0.01, 148), {}, 0, 0, 0};
  CHECK(difference_text(perplexity) == "×2.000 ± 0.020");
  PairResult bits{"wikitext", "bits_per_byte,none", "cpu", measured(0.05, 0.002, 62), {}, 0, 0, 0};
  CHECK(difference_text(bits) == "+0.050 ± 0.002");
}

TEST_CASE("csv has a row a number, and quotes what needs it", "[reports]") {
  RunResult record = small_record();
  record.name = "a \"small\" run";
  record.variants.pop_back();
  const std::vector<std::string> lines = split(report_csv(record), "\r\n");
  // Header, 7 of size, 1 metric, 11 of speed, 2 of memory, and what follows the last line's end.
  REQUIRE(lines.size() == 23);
  CHECK(lines[0] ==
        "run,section,variant,backend,task,metric,value,standard_error,low,high,n,reason,protocol,"
        "documents,available,sample");
  CHECK(lines[1] == "\"a \"\"small\"\" run\",size,dense,,,disk_bytes,1048576,,,,1,,,,,");
  CHECK(lines[8] ==
        "\"a \"\"small\"\" run\",task,dense,cpu,piqa,\"acc,none\",0.675,0.03,,,200,,lm-eval "
        "1.0,200,1838,true");
  CHECK(lines[9] ==
        "\"a \"\"small\"\" run\",speed,dense,cpu,decode,tokens_per_second,80,2,,,7,,"
        "\"batch 1, 128 tokens, context 0\",,,");
  CHECK(lines[21] ==
        "\"a \"\"small\"\" run\",memory,dense,cuda,,peak_memory_bytes,,,,,0,no CUDA device on this "
        "machine,,,,");
  CHECK(lines[22].empty());
}

TEST_CASE("what was cut, not found or left out stands beside the numbers it touches", "[reports]") {
  const std::string text = report_markdown(example_record());
  CHECK(contains(text, "| gsm8k exact_match (strict-match) [1, 2, 3, 4, 5, 6] |"));
  CHECK(contains(text, "- [2] dense and compressed: tokens of prompts shared, not computed again: 800\n"
                       "- [3] dense and compressed: requests whose context was cut: 2\n"
                       "- [4] dense: texts that ended at max_gen_toks, not at a stop: 1\n"
                       "- [5] compressed: texts that ended at max_gen_toks, not at a stop: 3\n"
                       "- [6] compressed: answers in which strict-match found nothing: 5\n"));
  const std::string csv = report_csv(example_record());
  CHECK(contains(csv, "gptq_4bit,task,compressed,cpu,gsm8k,\"unextracted,strict-match\",5,,,,1,,lm-eval 3.0,24,24,true"));
  CHECK(contains(csv, "gptq_4bit,task,dense,cpu,gsm8k,unfinished,1,,,,1,,"));
  CHECK(contains(csv, "gptq_4bit,task,dense,cpu,gsm8k,truncated,2,,,,1,,"));
  CHECK(contains(csv, "gptq_4bit,task,dense,cpu,gsm8k,\"skipped,limit\",1295,,,,1,,"));
}

TEST_CASE("report.md says where the time of a pass goes", "[reports]") {
  // Ten calls of 2 us in a pass of 25 us; the roof of a call is 1 us.
  RunResult record = one_point(1e6, 1e4, 2e-6);
  std::vector<RooflinePoint>& points = record.variants[0].backends[0].roofline.points;
  points[0].calls = 10;
  points.push_back(points[0]);
  points[1].name = "pass";
  points[1].calls = 1;
  points[1].seconds = measured(25e-6, 0, 5);
  const std::string text = report_markdown(record);
  CHECK(contains(text, "### dense on cpu, decode\n"));
  CHECK(contains(text, "| q_proj | k<1> | 10 | 2.0 µs | 80.0 % | 50.0 % |\n"));
  CHECK(contains(text, "| what is left |  |  |  | 20.0 % |  |\n"));
  CHECK(contains(text, "| **pass** |  | 1 | 25.0 µs | 100 % |  |\n"));
  CHECK_FALSE(contains(report_markdown(small_record()), "Where the time goes"));
}

TEST_CASE("report.md holds the table, its protocols and the config to run again", "[reports]") {
  const std::string text = report_markdown(small_record());
  CHECK(contains(text, "# small: ok\n\ntiny; wanda\n"));
  CHECK(contains(text,
                 "| piqa acc | 67.50 ± 3.00 % | 65.00 ± 3.00 % | -2.50 ± 1.00, p 0.062 | "
                 "200/1838 | lm-eval 1.0, sample |\n"));
  CHECK(contains(text, "| speedup | ×1.00 ± 0.01 | simulated |"));
  CHECK(contains(text, "- [1] compressed: diverged\n"));
  CHECK(contains(text, "- cuda: no CUDA device on this machine\n"));
  CHECK(contains(text,
                 "- `ptb-new-2048`: as compression papers: the text is tokenised once and "
                 "cut into windows of 2048 tokens"));
  CHECK(contains(text, "- `sample`: "));
  CHECK(contains(text, "```json\n{\n  \"model\": \"tiny\"\n}\n```\n"));
  // A name with the table's own sign does not break the table.
  RunResult piped = small_record();
  piped.variants[0].backends[0].tasks["piqa"].protocol = "a|b";
  CHECK(contains(report_markdown(piped), "| a\\|b, sample |"));
}

TEST_CASE("report.json is the record", "[reports]") {
  CHECK(run_result_from_json(report_json(example_record()), "record.json") == example_record());
}

TEST_CASE("a roofline is well-formed, with a mark for each measured point", "[reports][roofline]") {
  const RunResult record = example_record();
  const std::string svg = roofline_svg(record);
  CHECK(is_well_formed(svg));
  CHECK(is_well_formed(roofline_svg(one_point(2e9, 2e9, 0.2))));
  size_t points = 0;
  for (const Variant& of : record.variants) points += of.backends[0].roofline.points.size();
  const std::regex marks("</title></(circle|path)>");
  CHECK(std::distance(std::sregex_iterator(svg.begin(), svg.end(), marks), {}) ==
        static_cast<std::ptrdiff_t>(points));
}

TEST_CASE("a point stands where FLOP per byte and measured FLOP per second put it",
          "[reports][roofline]") {
  // 2e9 FLOP on 2e9 bytes in 0.2 s: 1 FLOP/byte at 10 GFLOP/s, so at the ticks "1" and "10 G", and
  // on the line of 10 GB/s.
  const std::string svg = roofline_svg(one_point(2e9, 2e9, 0.2));
  const std::string mark = "<circle class=\"dense decode\"[^>]*><title>";
  const double x = attribute(svg, mark, "cx"), y = attribute(svg, mark, "cy");
  CHECK(x == Approx(attribute(svg, "<text class=\"tick\"[^>]*>1<", "x")).margin(0.02));
  CHECK(y == Approx(attribute(svg, "<text class=\"tick\"[^>]*>10 G<", "y") - 4).margin(0.02));
  const std::string roof = "<line class=\"roof\"[^>]*>";
  const double x1 = attribute(svg, roof, "x1"), x2 = attribute(svg, roof, "x2");
  const double y1 = attribute(svg, roof, "y1"), y2 = attribute(svg, roof, "y2");
  CHECK(y == Approx(y1 + (y2 - y1) * (x - x1) / (x2 - x1)).margin(0.05));
  CHECK(contains(
      svg, "q_proj, decode, dense: 10.0 GFLOP/s at 1.00 FLOP/byte; k&lt;1&gt;; 50 % of the bound"));
  CHECK(contains(svg, "Roofline of one &amp; only on cpu"));
}

TEST_CASE("a bound that was not measured is not drawn, and no points are an error",
          "[reports][roofline]") {
  RunResult record = one_point(2e9, 2e9, 0.2);
  record.variants[0].backends[0].roofline.points[0].seconds = Estimate::missing("simulated");
  CHECK_THROWS_WITH(roofline_svg(record), "one & only: no roofline was measured");
}

TEST_CASE("a roofline shows one line for each limit", "[reports][roofline]") {
  RunResult record = one_point(2e9, 2e9, 0.2);
  Roofline& roofline = record.variants[0].backends[0].roofline;
  roofline.compute = {{"f32 multiply peak (fma, 1 thread)", 5e11, 0, "line"},
                      {"f32 multiply peak (fma, 2 threads)", 1e12, 0, "roof"},
                      {"f32 multiply peak (fma512, 2 threads)", 1.01e12, 0, "line"},
                      {"best GEMM at these shapes", 0.99e12, 0, "line"},
                      {"int8 multiply peak (dot, 2 threads)", 2e12, 0, "line"}};
  constexpr double kMib = 1048576;
  roofline.bandwidth = {{"read, 2 MiB, 1 thread", 6e10, 2 * kMib, "line"},
                        {"read, 2 MiB, 2 threads", 1e11, 2 * kMib, "roof"},
                        {"read, 8 MiB, 2 threads", 0.95e11, 8 * kMib, "roof"},
                        {"read, 256 MiB, 2 threads", 3e10, 256 * kMib, "roof"}};
  const RooflineView view = roofline_view(record, "cpu");
  std::vector<std::string> levels, slants;
  for (const Ceiling& level : view.levels) levels.push_back(level.name);
  for (const Slant& slant : view.slants) slants.push_back(slant_label(slant));
  CHECK(levels == std::vector<std::string>{"int8 multiply peak (dot, 2 threads)",
                                           "f32 multiply peak (fma, 2 threads)",
                                           "best GEMM at these shapes"});
  CHECK(slants ==
        std::vector<std::string>{"read 2.00 to 8.00 MiB: 100 GB/s", "read 256 MiB: 30.0 GB/s"});
  CHECK(view.peak == 1e12);
}

TEST_CASE("names beside points cover neither points nor each other", "[reports][roofline]") {
  NamePlacer placer({0, 0, 600, 400}, 11);
  std::vector<PointName> names;
  for (int i = 0; i < 8; ++i) {
    const Pixel at{300 + i % 2 * 3.0, 200 + 2.0 * i};
    placer.add_obstacle({at.x - 5, at.y - 5, at.x + 5, at.y + 5});
    names.push_back({at, cat("name ", i), false});
  }
  const std::vector<PlacedName> placed = placer.place(names, true);
  REQUIRE(placed.size() == 8);
  for (size_t i = 0; i < placed.size(); ++i) {
    const double width = text_width(placed[i].name.text, 11);
    CHECK((placed[i].on_left ? placed[i].text_at.x < 295 : placed[i].text_at.x > 308));
    CHECK(placed[i].text_at.x - width > 0);
    if (i > 0) CHECK(placed[i].text_at.y - placed[i - 1].text_at.y > 13);
  }
}

TEST_CASE("a segment crosses a box that it enters, and no other", "[reports][roofline]") {
  const Box box{10, 10, 20, 20};
  CHECK(crosses({{0, 0}, {30, 30}}, box));
  CHECK(crosses({{0, 15}, {30, 15}}, box));
  CHECK(crosses({{12, 12}, {13, 13}}, box));
  CHECK(!crosses({{0, 0}, {9, 9}}, box));
  CHECK(!crosses({{0, 25}, {30, 25}}, box));
  CHECK(!crosses({{0, 12}, {12, 0}}, box));
}

}  // namespace evalharness
