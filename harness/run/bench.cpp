#include "harness/run/bench.h"

#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/parallel.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/measure/rates.h"
#include "harness/measure/roofline.h"
#include "harness/measure/statistics.h"
#include "harness/measure/timing.h"
#include "harness/model/checkpoint.h"
#include "harness/ops/format_registry.h"
#include "harness/run/model_list.h"
#include "harness/run/workload.h"

namespace evalharness {
namespace {

std::vector<SpeedConfig> tests_of(const BenchConfig& config) {
  std::vector<SpeedConfig> tests;
  for (const size_t batch : config.batch)
    for (const size_t depth : config.depth) {
      for (const size_t tokens : config.prefill)
        tests.push_back({.decode = false, .tokens = tokens, .context = depth, .batch = batch});
      for (const size_t tokens : config.decode)
        tests.push_back({.decode = true, .tokens = tokens, .context = depth, .batch = batch});
    }
  return tests;
}

std::string test_name(const SpeedConfig& test) {
  return cat(test.decode ? "tg" : "pp", test.tokens, test.context > 0 ? cat(" @ d", test.context) : "");
}

// A shared machine's first and slow repetitions are what warm-up and medians are for.
SpeedResult measure(Transformer& transformer, const SpeedConfig& test, double seconds, const MachineCeilings& ceilings) {
  Workload workload(transformer, test);
  TimingOptions options;
  options.max_seconds = seconds;
  options.min_repetitions = 5;
  const Timing timing = time_one([&] { workload.run(); }, options).timing;
  const WeightTotals totals = linear_totals(transformer.model());
  const double weights = static_cast<double>(totals.bytes + transformer.model().head().bytes());
  return speed_result(test, workload.cost(), timing.median, ceilings, weights);
}

std::vector<std::string> cells(const BenchReport& report, const BenchRow& row) {
  const auto with_error = [](const Estimate& e, int decimals) {
    if (!e.value) return e.reason;
    const std::string value = fixed_text(*e.value, decimals);
    return e.standard_error ? cat(value, " ± ", fixed_text(*e.standard_error, decimals)) : value;
  };
  const auto percent = [](const Estimate& e) { return e.value ? cat(fixed_text(100 * *e.value, 1), " %") : e.reason; };
  return {report.model, bytes_text(static_cast<uint64_t>(row.weight_bytes)), cat(fixed_text(row.weights / 1e6, 1), " M"), "cpu",
          cat(report.threads), row.format, row.kernel, cat(row.batch), row.test, with_error(row.speed.tokens_per_second, 2),
          percent(row.speed.mfu), percent(row.speed.mbu)};
}

const std::vector<std::string> kColumns = {"model", "size", "params", "backend", "threads", "format",
                                           "kernel", "batch", "test", "t/s", "MFU", "MBU"};

std::string markdown(const BenchReport& report) {
  std::string text = "| " + join(kColumns, " | ") + " |\n|";
  for (size_t i = 0; i < kColumns.size(); ++i) text += i < 9 ? " --- |" : " ---: |";
  text += '\n';
  for (const BenchRow& row : report.rows) text += "| " + join(cells(report, row), " | ") + " |\n";
  return text;
}

std::string csv(const BenchReport& report) {
  std::string text = "model,weight_bytes,weights,backend,threads,format,kernel,batch,test,tokens_per_second,standard_error,n,mfu,mbu\n";
  for (const BenchRow& row : report.rows) {
    const SpeedResult& s = row.speed;
    text += cat(report.model, ',', row.weight_bytes, ',', row.weights, ",cpu,", report.threads, ',', row.format, ',', row.kernel,
                ',', row.batch, ',', row.test, ',', s.tokens_per_second.value.value_or(0), ',',
                s.tokens_per_second.standard_error.value_or(0), ',', s.tokens_per_second.n, ',', s.mfu.value.value_or(0), ',',
                s.mbu.value.value_or(0), '\n');
  }
  return text;
}

std::string json(const BenchReport& report) {
  Value rows{Value::List{}}, ceilings{Value::List{}};
  for (const BenchRow& row : report.rows) {
    Value value;
    value.set("format", row.format);
    value.set("kernel", row.kernel);
    value.set("test", row.test);
    value.set("batch", row.batch);
    value.set("weight_bytes", row.weight_bytes);
    value.set("weights", row.weights);
    value.set("tokens_per_second", row.speed.tokens_per_second.value.value_or(0));
    value.set("standard_error", row.speed.tokens_per_second.standard_error.value_or(0));
    value.set("repetitions", row.speed.tokens_per_second.n);
    value.set("mfu", row.speed.mfu.value.value_or(0));
    value.set("mbu", row.speed.mbu.value.value_or(0));
    rows.push(std::move(value));
  }
  for (const auto* list : {&report.compute, &report.bandwidth})
    for (const Ceiling& ceiling : *list) {
      Value value;
      value.set("name", ceiling.name);
      value.set("per_second", ceiling.per_second);
      value.set("role", ceiling.role);
      ceilings.push(std::move(value));
    }
  Value all;
  all.set("model", report.model);
  all.set("threads", report.threads);
  all.set("ceilings", std::move(ceilings));
  all.set("rows", std::move(rows));
  return to_json(all, 2) + "\n";
}

}  // namespace

BenchReport bench(const BenchConfig& config) {
  std::vector<WeightFormat> formats;
  for (const std::string& name : config.formats) {
    formats.push_back(weight_format(name));
    formats.back().nearest(name, Matrix(64, 64).view());  // a wrong ending fails now, not after loading
  }
  const auto checkpoint = open_checkpoint(resolve_model(config.model, config.offline));
  const auto backend = make_cpu_backend({});
  const std::vector<SpeedConfig> tests = tests_of(config);
  BenchReport report{.model = config.model, .threads = thread_count(), .compute = {}, .bandwidth = {}, .rows = {}};
  const PinnedThreads pinned;
  for (size_t f = 0; f < formats.size(); ++f) {
    const std::string& format = config.formats[f];
    const Dtype dtype = format.ends_with("f32") ? Dtype::f32 : Dtype::bf16;
    Progress progress(cat("bench ", format), tests.size() + 1);
    const Model model =
        load_model(*checkpoint, dtype, [&](MatrixView w) { return formats[f].nearest(format, w); });
    Transformer transformer(model, *backend);
    const WeightTotals totals = model_totals(model);
    const size_t streamed[] = {linear_totals(model).bytes + model.head().bytes()};
    const MachineCeilings ceilings = probe_machine(dtype, streamed);
    report.compute.insert(report.compute.end(), ceilings.compute.begin(), ceilings.compute.end());
    report.bandwidth.insert(report.bandwidth.end(), ceilings.bandwidth.begin(), ceilings.bandwidth.end());
    progress.advance();
    for (const SpeedConfig& test : tests) {
      stop_if_interrupted();
      report.rows.push_back({.format = format,
                             .kernel = transformer.block(0).linear(Linear::gate).kernel(test.decode ? test.batch : test.tokens),
                             .test = test_name(test),
                             .batch = test.batch,
                             .weight_bytes = static_cast<double>(totals.bytes),
                             .weights = static_cast<double>(totals.weights),
                             .speed = measure(transformer, test, config.seconds, ceilings)});
      progress.advance();
    }
  }
  return report;
}

std::string bench_text(const BenchReport& report, const std::string& output) {
  if (output == "md") return markdown(report);
  if (output == "csv") return csv(report);
  if (output == "json") return json(report);
  const std::vector<std::string> names = {"md", "csv", "json"};
  fail(cat("--output: expected one of md, csv, json, got '", output, "'", did_you_mean(output, names)));
}

}  // namespace evalharness
