#include "harness/run/bench.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "harness/base/csv.h"
#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/parallel.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/measure/memory.h"
#include "harness/measure/rates.h"
#include "harness/measure/roofline.h"
#include "harness/measure/statistics.h"
#include "harness/measure/timing.h"
#include "harness/model/checkpoint.h"
#include "harness/ops/format_registry.h"
#include "harness/run/model_list.h"
#include "harness/run/op_points.h"
#include "harness/run/workload.h"

namespace evalharness {
namespace {

// A prefill or decode of 0 tokens is none, as for llama-bench.
std::vector<SpeedConfig> tests_of(const BenchConfig& config) {
  if (std::ranges::count(config.batch, 0u) > 0) fail("--batch: expected at least 1 sequence, got 0");
  std::vector<SpeedConfig> tests;
  for (const size_t batch : config.batch)
    for (const size_t depth : config.depth) {
      for (const size_t tokens : config.prefill)
        tests.push_back({.decode = false, .tokens = tokens, .context = depth, .batch = batch});
      for (const size_t tokens : config.decode)
        tests.push_back({.decode = true, .tokens = tokens, .context = depth, .batch = batch});
    }
  std::erase_if(tests, [](const SpeedConfig& test) { return test.tokens == 0; });
  if (tests.empty()) fail("expected a --prefill or --decode of at least 1 token");
  return tests;
}

std::string test_name(const SpeedConfig& test) {
  return cat(test.decode ? "tg" : "pp", test.tokens, test.context > 0 ? cat(" @ d", test.context) : "");
}

// w without the smallest magnitudes of each row: about this share of it.
Matrix without_smallest(MatrixView w, double share) {
  Matrix kept(w.rows, w.cols);
  const auto cut = static_cast<size_t>(share * static_cast<double>(w.cols));
  std::vector<float> magnitudes(w.cols);
  for (size_t i = 0; i < w.rows; ++i) {
    std::ranges::transform(w.row(i), magnitudes.begin(), [](float x) { return std::abs(x); });
    const auto limit = magnitudes.begin() + static_cast<std::ptrdiff_t>(cut);
    std::nth_element(magnitudes.begin(), limit, magnitudes.end());
    for (size_t j = 0; j < w.cols; ++j) kept(i, j) = std::abs(w(i, j)) < *limit ? 0 : w(i, j);
  }
  return kept;
}

// A format by its name, as weights are made for it.
struct BenchFormat {
  std::string name;
  WeightFormat format;
  bool leaves_zeros_out = false;

  // A wrong ending fails here, not after loading.
  explicit BenchFormat(const std::string& wanted) : name(wanted), format(weight_format(wanted)) {
    const Matrix ones(64, 64, std::vector<float>(64 * 64, 1.0f)), zeros(64, 64);
    leaves_zeros_out = format.nearest(name, zeros.view())->bytes() < format.nearest(name, ones.view())->bytes();
  }
  LinearPtr make(MatrixView w, double sparsity) const {
    if (!leaves_zeros_out || sparsity == 0) return format.nearest(name, w);
    return format.nearest(name, without_smallest(w, sparsity).view());
  }
};

// A model in one format, ready to be timed.
struct Contender {
  std::string format;
  Model model;
  MachineCeilings ceilings;
  std::unique_ptr<Transformer> transformer;
};

std::unique_ptr<Contender> ready(Model model, const std::string& format, const Backend& backend) {
  auto contender = std::make_unique<Contender>();
  contender->format = format;
  contender->model = std::move(model);
  const size_t streamed[] = {static_cast<size_t>(streamed_bytes(contender->model))};
  contender->ceilings = probe_machine(contender->model.dtype, streamed);
  contender->transformer = std::make_unique<Transformer>(contender->model, backend);
  return contender;
}

std::unique_ptr<Contender> load(const Checkpoint& checkpoint, const BenchFormat& format, const BenchConfig& config,
                                const Backend& backend) {
  Model model = load_model(checkpoint, model_dtype_of(format.name), [&](MatrixView w) { return format.make(w, config.sparsity); });
  store_head(model, config.head, checkpoint);
  return ready(std::move(model), format.name, backend);
}

std::string formats_of_linears(const Model& model) {
  std::set<std::string> names;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) names.insert(slot.op->format());
  return join(std::vector<std::string>(names.begin(), names.end()), " ");
}

// A packed model as it is.
std::unique_ptr<Contender> load_as_stored(const Checkpoint& checkpoint, const BenchConfig& config, const Backend& backend) {
  Model model = load_model(checkpoint, *checkpoint.dtype());
  store_head(model, config.head, checkpoint);
  const std::string formats = formats_of_linears(model);
  return ready(std::move(model), formats, backend);
}

// All contenders do one test by turns.
void measure(std::span<const std::unique_ptr<Contender>> contenders, const SpeedConfig& test, double seconds,
             std::vector<BenchRow>& rows) {
  std::vector<std::unique_ptr<Workload>> workloads;
  std::vector<std::function<void()>> works;
  for (const auto& contender : contenders) {
    workloads.push_back(std::make_unique<Workload>(*contender->transformer, test));
    works.push_back([workload = workloads.back().get()] { workload->run(); });
  }
  // A shared machine's first and slow repetitions are what warm-up and medians are for.
  TimingOptions options;
  options.max_seconds = seconds * static_cast<double>(works.size());
  options.min_repetitions = 6;  // the fewest that give an interval
  const std::vector<Timing> timings = time_by_turns(works, options);
  const size_t tokens = (test.decode ? 1 : test.tokens) * test.batch;
  for (size_t i = 0; i < works.size(); ++i) {
    const Contender& contender = *contenders[i];
    const WeightTotals totals = model_totals(contender.model);
    BenchRow& row = rows.emplace_back();
    row.format = contender.format;
    row.kernel = contender.transformer->block(0).linear(Linear::gate).kernel(tokens);
    row.test = test_name(test);
    row.batch = test.batch;
    row.weight_bytes = static_cast<double>(totals.bytes);
    row.weights = static_cast<double>(totals.weights);
    row.speed = workloads[i]->speed(timings[i], contender.ceilings);
    if (works.size() > 1) row.speed.speedup = paired_speedup(timings[0], timings[i]);
    if (i > 0) std::ranges::copy(doubts_of_speedup(row.speed.speedup), std::back_inserter(row.speed.notes));
  }
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
          row.speed.speedup.value ? cat("×", fixed_text(*row.speed.speedup.value, 2)) : "", percent(row.speed.mfu), percent(row.speed.mbu)};
}

const std::vector<std::string> kColumns = {"model", "size", "params", "backend", "threads", "format",
                                           "kernel", "batch", "test", "t/s", "speedup", "MFU", "MBU"};

// Doubts about the rows, below them.
std::string notes(const BenchReport& report) {
  std::string text;
  for (const BenchRow& row : report.rows)
    for (const std::string& note : row.speed.notes)
      text += cat(text.empty() ? "\n" : "", "- ", row.format, ", ", row.test, ", batch ", row.batch, ": ", note, "\n");
  return text;
}

std::string markdown(const BenchReport& report) {
  std::string text = "| " + join(kColumns, " | ") + " |\n|";
  for (size_t i = 0; i < kColumns.size(); ++i) text += i < 9 ? " --- |" : " ---: |";
  text += '\n';
  for (const BenchRow& row : report.rows) text += "| " + join(cells(report, row), " | ") + " |\n";
  return text + notes(report);
}

std::string csv(const BenchReport& report) {
  std::string text = csv_line({"model", "weight_bytes", "weights", "backend", "threads", "format", "kernel", "batch", "test",
                               "tokens_per_second", "standard_error", "n", "speedup", "mfu", "mbu", "notes"});
  for (const BenchRow& row : report.rows) {
    const SpeedResult& s = row.speed;
    text += csv_line({report.model, number_text(row.weight_bytes), number_text(row.weights), "cpu", cat(report.threads),
                      row.format, row.kernel, cat(row.batch), row.test, optional_text(s.tokens_per_second.value),
                      optional_text(s.tokens_per_second.standard_error), cat(s.tokens_per_second.n),
                      optional_text(s.speedup.value), optional_text(s.mfu.value), optional_text(s.mbu.value),
                      join(s.notes, "; ")});
  }
  return text;
}

std::string json(const BenchReport& report) {
  const auto number = [](const std::optional<double>& value) { return value ? Value(*value) : Value(); };
  Value rows{Value::List{}}, ceilings{Value::List{}};
  for (const BenchRow& row : report.rows) {
    Value value, percentiles{Value::Map{}}, notes{Value::List{}};
    value.set("format", row.format);
    value.set("kernel", row.kernel);
    value.set("test", row.test);
    value.set("batch", row.batch);
    value.set("weight_bytes", row.weight_bytes);
    value.set("weights", row.weights);
    value.set("tokens_per_second", number(row.speed.tokens_per_second.value));
    value.set("standard_error", number(row.speed.tokens_per_second.standard_error));
    value.set("repetitions", row.speed.tokens_per_second.n);
    value.set("speedup", number(row.speed.speedup.value));
    value.set("mfu", number(row.speed.mfu.value));
    value.set("mbu", number(row.speed.mbu.value));
    for (const LatencyPercentile& percentile : row.speed.percentiles)
      percentiles.set(cat("p", percentile.percent), number(percentile.nearest_rank_ms.value));
    value.set("latency_ms", std::move(percentiles));
    for (const std::string& note : row.speed.notes) notes.push(note);
    value.set("notes", std::move(notes));
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

Dtype model_dtype_of(const std::string& format) {
  return format.find(".f32") != std::string::npos ? Dtype::f32 : Dtype::bf16;
}

BenchReport bench(const BenchConfig& config) {
  if (config.sparsity < 0 || config.sparsity >= 1) fail(cat("--sparsity: expected 0 <= sparsity < 1, got ", config.sparsity));
  if (std::ranges::find(kHeadNames, config.head) == kHeadNames.end())
    fail(cat("--head: expected one of ", join(kHeadNames, ", "), ", got '", config.head, "'"));
  std::vector<BenchFormat> formats;
  for (const std::string& name : config.formats) formats.emplace_back(name);
  const auto checkpoint = open_checkpoint(resolve_model(config.model, config.offline));
  const auto backend = make_cpu_backend({});
  const std::vector<SpeedConfig> tests = tests_of(config);
  BenchReport report{.model = config.model, .threads = thread_count(), .compute = {}, .bandwidth = {}, .rows = {}};
  const bool as_stored = formats.empty() && checkpoint->dtype().has_value();
  if (formats.empty() && !as_stored) formats.emplace_back("dense.bf16");
  const size_t count = as_stored ? 1 : formats.size();
  const PinnedThreads pinned;
  Progress progress("bench", count * (tests.size() + 1));
  std::vector<std::unique_ptr<Contender>> contenders;
  bool together = true;
  for (size_t f = 0; f < count; ++f) {
    contenders.push_back(as_stored ? load_as_stored(*checkpoint, config, *backend)
                                   : load(*checkpoint, formats[f], config, *backend));
    const MachineCeilings& ceilings = contenders.back()->ceilings;
    report.compute.insert(report.compute.end(), ceilings.compute.begin(), ceilings.compute.end());
    report.bandwidth.insert(report.bandwidth.end(), ceilings.bandwidth.begin(), ceilings.bandwidth.end());
    progress.advance();
    // Decided once, by the first of them: the others are taken to be no larger.
    if (f == 0) together = static_cast<double>(count - 1) * streamed_bytes(contenders[0]->model) < static_cast<double>(available_bytes()) / 2;
    if (together && f + 1 < count) continue;
    for (const SpeedConfig& test : tests) {
      stop_if_interrupted();
      measure(contenders, test, config.seconds, report.rows);
      progress.advance(contenders.size());
    }
    contenders.clear();
    release_freed_memory();
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
