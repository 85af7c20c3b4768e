// The record as comma-separated values (RFC 4180): one number a row, for spreadsheets and data
// frames.
#include "harness/base/csv.h"
#include "harness/base/text.h"
#include "reports/format.h"
#include "reports/report.h"

namespace evalharness {
namespace {

// What all rows of one variant, backend and subject share.
struct Subject {
  std::string section = {};  // "size", "task", "group", "speed", "memory"
  std::string variant = {}, backend = {};
  std::string task = {};    // also the phase of a speed
  std::string detail = {};  // the protocol of a task, "batch 1, 128 tokens, context 512" of a speed
  std::string documents = {}, available = {}, sample = {};
};

class Csv {
 public:
  explicit Csv(std::string run) : run_(std::move(run)) {
    line({"run", "section", "variant", "backend", "task", "metric", "value", "standard_error",
          "low", "high", "n", "reason", "protocol", "documents", "available", "sample"});
  }
  void add(const Subject& subject, const std::string& metric, const Estimate& estimate) {
    line({run_, subject.section, subject.variant, subject.backend, subject.task, metric,
          optional_text(estimate.value), optional_text(estimate.standard_error),
          optional_text(estimate.low), optional_text(estimate.high), cat(estimate.n),
          estimate.reason, subject.detail, subject.documents, subject.available, subject.sample});
  }
  void add(const Subject& subject, const std::string& metric, double exact) {
    Estimate estimate;
    estimate.value = exact;
    estimate.n = 1;
    add(subject, metric, estimate);
  }
  const std::string& text() const { return text_; }

 private:
  void line(const std::vector<std::string>& fields) { text_ += csv_line(fields); }
  std::string run_, text_;
};

void add_size(Csv& csv, const Variant& variant) {
  const Subject subject{.section = "size", .variant = variant.name};
  const SizeReport& size = variant.size;
  csv.add(subject, "disk_bytes", static_cast<double>(size.disk_bytes));
  csv.add(subject, "memory_bytes", static_cast<double>(size.memory_bytes));
  csv.add(subject, "bits_per_weight", size.bits_per_weight);
  csv.add(subject, "bits_per_weight_linears", size.bits_per_weight_linears);
  csv.add(subject, "sparsity", size.sparsity);
  csv.add(subject, "sparsity_linears", size.sparsity_linears);
  csv.add(subject, "compression_ratio", size.compression_ratio);
}

void add_speed(Csv& csv, Subject subject, const SpeedResult& speed) {
  subject.section = "speed";
  subject.task = speed.phase;
  subject.detail =
      cat("batch ", speed.batch, ", ", speed.tokens, " tokens, context ", speed.context);
  csv.add(subject, "tokens_per_second", speed.tokens_per_second);
  csv.add(subject, "latency_ms", speed.latency_ms);
  for (const LatencyPercentile& percentile : speed.percentiles) {
    csv.add(subject, cat("latency_ms,p", percentile.percent), percentile.nearest_rank_ms);
    csv.add(subject, cat("latency_ms,p", percentile.percent, ",conservative"), percentile.conservative_ms);
  }
  csv.add(subject, "flops", speed.flops);
  csv.add(subject, "executed_flops", speed.executed_flops);
  csv.add(subject, "effective_flops", speed.effective_flops);
  csv.add(subject, "minimum_bytes", speed.minimum_bytes);
  csv.add(subject, "mfu", speed.mfu);
  csv.add(subject, "mbu", speed.mbu);
  csv.add(subject, "share_of_best_gemm", speed.share_of_best_gemm);
  csv.add(subject, "speedup", speed.speedup);
  csv.add(subject, "roofline_speedup", speed.roofline_speedup);
  for (const std::string& doubt : speed.notes) csv.add(subject, "note", Estimate::missing(doubt));
}

// Counts; what is not there is zero.
void add_losses(Csv& csv, const Subject& of_task, const TaskResult& task) {
  const auto add = [&](const std::string& what, size_t count) {
    if (count > 0) csv.add(of_task, what, static_cast<double>(count));
  };
  for (const auto& [reason, rows] : task.skipped) add("skipped," + reason, rows);
  add("truncated", task.truncated);
  add("unfinished", task.unfinished);
  for (const auto& [filter, documents] : task.unextracted) add("unextracted," + filter, documents);
}

void add_backend(Csv& csv, const std::string& variant, const BackendResult& backend) {
  const Subject subject{.variant = variant, .backend = backend.name};
  const auto add_quality = [&](const char* section, const std::string& name, const TaskResult& result) {
    const Subject of_task{.section = section,
                          .variant = variant,
                          .backend = backend.name,
                          .task = name,
                          .detail = result.protocol,
                          .documents = cat(result.documents),
                          .available = cat(result.available),
                          .sample = result.sample ? "true" : "false"};
    for (const auto& [metric, estimate] : result.metrics) csv.add(of_task, metric, estimate);
    add_losses(csv, of_task, result);
  };
  for (const auto& [name, task] : backend.tasks) add_quality("task", name, task);
  for (const auto& [name, group] : backend.groups) add_quality("group", name, group.total);
  for (const SpeedResult& speed : backend.speed) add_speed(csv, subject, speed);
  Subject memory = subject;
  memory.section = "memory";
  const Estimate missing =
      Estimate::missing(backend.unavailable.empty() ? "not measured" : backend.unavailable);
  if (backend.peak_memory_bytes == 0) return csv.add(memory, "peak_memory_bytes", missing);
  csv.add(memory, "peak_memory_bytes", static_cast<double>(backend.peak_memory_bytes));
}

}  // namespace

std::string report_csv(const RunResult& result) {
  Csv csv(result.name);
  for (const Variant& variant : result.variants) {
    add_size(csv, variant);
    for (const BackendResult& backend : variant.backends) add_backend(csv, variant.name, backend);
  }
  return csv.text();
}

std::string report_json(const RunResult& result) { return to_json(result); }

}  // namespace evalharness
