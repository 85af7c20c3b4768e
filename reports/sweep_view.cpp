#include "reports/sweep_view.h"

#include <algorithm>

#include "harness/base/text.h"

namespace evalharness {
namespace {

const Variant* variant_of(const RunResult& record, const std::string& name) {
  const auto found = std::ranges::find(record.variants, name, &Variant::name);
  return found == record.variants.end() ? nullptr : &*found;
}

const BackendResult* cpu_of(const RunResult& record, const std::string& variant) {
  if (const Variant* found = variant_of(record, variant))
    for (const BackendResult& backend : found->backends)
      if (backend.name == "cpu") return &backend;
  return nullptr;
}

std::string main_metric(const TaskResult& task) {
  // Of answers compared with the dense model's hardly any is the same to the letter.
  const bool is_agreement = task.metrics.contains("kl_divergence,none");
  for (const char* wanted : {"acc", is_agreement ? "rougeL" : "exact_match", "rougeL", "perplexity", "word_perplexity"})
    for (const auto& [metric, estimate] : task.metrics)
      if (metric.substr(0, metric.find(',')) == wanted) return metric;
  return task.metrics.empty() ? "" : task.metrics.begin()->first;
}

std::string workload_name(const SpeedResult& speed) {
  return cat(speed.phase, " ", speed.tokens, speed.context > 0 ? cat(" @ ", speed.context) : "",
             speed.batch > 1 ? cat(", batch ", speed.batch) : "");
}

// A group that has a number stands for its tasks.
bool is_in_group(const std::string& task, const BackendResult& cpu) {
  return std::ranges::any_of(cpu.groups, [&](const auto& entry) {
    const GroupResult& group = entry.second;
    return !group.total.metrics.empty() && std::ranges::find(group.tasks, task) != group.tasks.end();
  });
}

// Tasks and groups in the order of the config, those that it names by a path behind them.
std::vector<std::string> tasks_of(const RunResult& record, const BackendResult& cpu) {
  const auto results = cpu.results();
  std::vector<std::string> names;
  if (const Value* tasks = record.config.find("tasks"); tasks != nullptr && tasks->is_list())
    for (const Value& task : tasks->list())
      if (task.is_string() && results.contains(task.string())) names.push_back(task.string());
  for (const auto& [name, result] : results)
    if (std::ranges::find(names, name) == names.end() && !is_in_group(name, cpu)) names.push_back(name);
  std::erase_if(names, [&](const std::string& name) { return results.at(name)->metrics.empty(); });
  return names;
}

std::string protocol_of(const TaskResult& task) { return task.protocol + (task.sample ? ", sample" : ""); }

void add_columns(const RunResult& record, const BackendResult& cpu, SweepView& view) {
  for (const std::string& name : tasks_of(record, cpu)) {
    const auto is_known = [&](const SweepMetric& metric) { return metric.task == name; };
    if (std::ranges::any_of(view.metrics, is_known)) continue;
    const TaskResult& task = *cpu.results().at(name);
    const std::string metric = main_metric(task);
    view.metrics.push_back({.task = name, .metric = metric, .protocol = protocol_of(task), .count = count_text(task, metric)});
  }
  for (const SpeedResult& speed : cpu.speed)
    if (std::ranges::find(view.workloads, workload_name(speed)) == view.workloads.end())
      view.workloads.push_back(workload_name(speed));
}

void add_quality(const BackendResult* cpu, const SweepMetric& metric, SweepRow& row) {
  row.quality.emplace_back();
  if (cpu == nullptr) return;
  const auto results = cpu->results();
  const auto result = results.find(metric.task);
  if (result == results.end()) return;
  const auto found = result->second->metrics.find(metric.metric);
  if (found == result->second->metrics.end()) return;
  row.quality.back() = found->second;
  const TaskResult& task = *result->second;
  // The page says it once for all; a cell of other documents is not to be compared unseen.
  if (protocol_of(task) != metric.protocol || count_text(task, metric.metric) != metric.count)
    row.losses.push_back(cat(metric.label(), ": by ", protocol_of(task), ", n ", count_text(task, metric.metric)));
  for (const std::string& loss : losses_of(task, metric.metric)) row.losses.push_back(cat(metric.label(), ": ", loss));
}

PairResult difference_of(const RunResult& record, const SweepMetric& metric) {
  for (const PairResult& pair : record.pairs)
    if (pair.task == metric.task && pair.metric == metric.metric && pair.backend == "cpu")
      return pair;
  PairResult none;
  none.metric = metric.metric;
  return none;
}

Estimate speedup_of(const BackendResult* cpu, const std::string& workload) {
  if (cpu != nullptr)
    for (const SpeedResult& speed : cpu->speed)
      if (workload_name(speed) == workload) return speed.speedup;
  return {};
}

SweepRow row_of(const RunResult& record, const std::string& name, const std::string& variant, const SweepView& view) {
  SweepRow row;
  row.name = name;
  row.status = name == "dense" ? "ok" : record.status;
  const BackendResult* const cpu = cpu_of(record, variant);
  if (const Variant* found = variant_of(record, variant)) row.size = found->size;
  for (const SweepMetric& metric : view.metrics) {
    add_quality(cpu, metric, row);
    row.differences.push_back(variant == "dense" ? PairResult{} : difference_of(record, metric));
  }
  for (const std::string& workload : view.workloads)
    row.speedups.push_back(speedup_of(cpu, workload));
  if (variant != "dense")
    for (const StepReport& step : record.steps) row.compression_seconds += step.seconds;
  return row;
}

bool is_better(const SweepRow& a, const SweepRow& b, const MetricStyle& style) {
  const double difference = *a.quality[0].value - *b.quality[0].value;
  return style.higher_is_better ? difference > 0 : difference < 0;
}

void mark_dominated(SweepView& view) {
  if (view.metrics.empty()) return;
  const MetricStyle style = view.metrics[0].style();
  for (SweepRow& row : view.rows)
    for (const SweepRow& other : view.rows) {
      if (!row.quality[0].value || !other.quality[0].value) continue;
      if (other.size.disk_bytes > row.size.disk_bytes || is_better(row, other, style)) continue;
      row.dominated = row.dominated || other.size.disk_bytes < row.size.disk_bytes ||
                      is_better(other, row, style);
    }
}

}  // namespace

bool SweepView::has_quality() const {
  return std::ranges::any_of(rows, [](const SweepRow& row) { return !row.quality.empty() && row.quality[0].value; });
}

SweepView sweep_view(std::span<const RunResult> records) {
  SweepView view;
  const RunResult* dense = nullptr;
  for (const RunResult& record : records)
    for (const char* variant : {"dense", "compressed"})
      if (const BackendResult* cpu = cpu_of(record, variant)) {
        add_columns(record, *cpu, view);
        if (dense == nullptr && variant == std::string("dense")) dense = &record;
      }
  if (dense != nullptr) view.rows.push_back(row_of(*dense, "dense", "dense", view));
  // A cell that compresses nothing (another cache, another model) is its dense variant.
  for (const RunResult& record : records)
    view.rows.push_back(row_of(record, record.name, record.variants.size() == 1 ? "dense" : "compressed", view));
  mark_dominated(view);
  return view;
}

}  // namespace evalharness
