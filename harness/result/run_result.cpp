// The record as JSON. Each struct is described once, in visit(): the writer and the reader are two
// archives that walk the same description.
#include "harness/result/run_result.h"

#include "harness/base/json.h"
#include "harness/result/archive.h"

namespace evalharness {
namespace {

// A measurement that is no number is written as null, and null always says why.
std::string reason(const Estimate& estimate) {
  const bool unexplained =
      estimate.reason.empty() && estimate.value && !std::isfinite(*estimate.value);
  return unexplained ? "not finite: " + number_text(*estimate.value) : estimate.reason;
}
std::string& reason(Estimate& estimate) { return estimate.reason; }

}  // namespace

void visit(auto& archive, Like<Estimate> auto& estimate) {
  archive("value", estimate.value);
  archive("standard_error", estimate.standard_error);
  archive("low", estimate.low);
  archive("high", estimate.high);
  archive("n", estimate.n);
  archive("reason", reason(estimate));
}

void visit(auto& archive, Like<LayerReport> auto& layer) {
  archive("name", layer.name);
  archive("format", layer.format);
  archive("bits_per_weight", layer.bits_per_weight);
  archive("sparsity", layer.sparsity);
  archive("weight_error", layer.weight_error);
  archive("output_error", layer.output_error);
}

void visit(auto& archive, Like<StepReport> auto& step) {
  archive("method", step.method);
  archive("seconds", step.seconds);
  archive("passes", step.passes);
  archive("peak_memory_bytes", step.peak_memory_bytes);
  archive("bits_per_weight", step.bits_per_weight);
  archive("sparsity", step.sparsity);
  archive("details", step.details);
  archive("layers", step.layers);
}

void visit(auto& archive, Like<SizeReport> auto& size) {
  archive("disk_bytes", size.disk_bytes);
  archive("memory_bytes", size.memory_bytes);
  archive("bits_per_weight", size.bits_per_weight);
  archive("bits_per_weight_linears", size.bits_per_weight_linears);
  archive("sparsity", size.sparsity);
  archive("sparsity_linears", size.sparsity_linears);
  archive("compression_ratio", size.compression_ratio);
}

void visit(auto& archive, Like<TaskResult> auto& task) {
  archive("protocol", task.protocol);
  archive("documents", task.documents);
  archive("available", task.available);
  archive("sample", task.sample);
  archive("skipped", task.skipped);
  archive("truncated", task.truncated);
  archive("unfinished", task.unfinished);
  archive("unextracted", task.unextracted);
  archive("saved_tokens", task.saved_tokens);
  archive("seconds", task.seconds);
  archive("metrics", task.metrics);
}

void visit(auto& archive, Like<GroupResult> auto& group) {
  archive("tasks", group.tasks);
  archive("total", group.total);
}

void visit(auto& archive, Like<LatencyPercentile> auto& percentile) {
  archive("percent", percentile.percent);
  archive("nearest_rank_ms", percentile.nearest_rank_ms);
  archive("conservative_ms", percentile.conservative_ms);
}

void visit(auto& archive, Like<SpeedResult> auto& speed) {
  archive("phase", speed.phase);
  archive("batch", speed.batch);
  archive("tokens", speed.tokens);
  archive("context", speed.context);
  archive("tokens_per_second", speed.tokens_per_second);
  archive("latency_ms", speed.latency_ms);
  archive("percentiles", speed.percentiles);
  archive("flops", speed.flops);
  archive("executed_flops", speed.executed_flops);
  archive("effective_flops", speed.effective_flops);
  archive("minimum_bytes", speed.minimum_bytes);
  archive("mfu", speed.mfu);
  archive("mbu", speed.mbu);
  archive("share_of_best_gemm", speed.share_of_best_gemm);
  archive("speedup", speed.speedup);
  archive("roofline_speedup", speed.roofline_speedup);
  archive("notes", speed.notes);
}

void visit(auto& archive, Like<Ceiling> auto& ceiling) {
  archive("name", ceiling.name);
  archive("per_second", ceiling.per_second);
  archive("working_set", ceiling.working_set);
  archive("role", ceiling.role);
}

void visit(auto& archive, Like<RooflinePoint> auto& point) {
  archive("name", point.name);
  archive("phase", point.phase);
  archive("kernel", point.kernel);
  archive("calls", point.calls);
  archive("flops", point.flops);
  archive("executed_flops", point.executed_flops);
  archive("bytes", point.bytes);
  archive("seconds", point.seconds);
  archive("bound_seconds", point.bound_seconds);
}

void visit(auto& archive, Like<Roofline> auto& roofline) {
  archive("compute", roofline.compute);
  archive("bandwidth", roofline.bandwidth);
  archive("points", roofline.points);
}

void visit(auto& archive, Like<BackendResult> auto& backend) {
  archive("name", backend.name);
  archive("unavailable", backend.unavailable);
  archive("tasks", backend.tasks);
  archive("groups", backend.groups);
  archive("speed", backend.speed);
  archive("roofline", backend.roofline);
  archive("peak_memory_bytes", backend.peak_memory_bytes);
  archive("kernels", backend.kernels);
}

void visit(auto& archive, Like<Variant> auto& variant) {
  archive("name", variant.name);
  archive("size", variant.size);
  archive("backends", variant.backends);
}

void visit(auto& archive, Like<PairResult> auto& pair) {
  archive("task", pair.task);
  archive("metric", pair.metric);
  archive("backend", pair.backend);
  archive("difference", pair.difference);
  archive("p_value", pair.p_value);
  archive("only_dense_right", pair.only_dense_right);
  archive("only_compressed_right", pair.only_compressed_right);
  archive("answers_changed", pair.answers_changed);
}

void visit(auto& archive, Like<RunResult> auto& run) {
  archive("status", run.status);
  archive("name", run.name);
  archive("context", run.context);
  archive("config", run.config);
  archive("steps", run.steps);
  archive("variants", run.variants);
  archive("pairs", run.pairs);
}

std::map<std::string, const TaskResult*> BackendResult::results() const {
  std::map<std::string, const TaskResult*> results;
  for (const auto& [task, result] : tasks) results[task] = &result;
  for (const auto& [group, result] : groups) results[group] = &result.total;
  return results;
}

std::string to_json(const RunResult& result) {
  return to_json(Writer::write(result, ""), 1) + "\n";
}

RunResult run_result_from_json(const std::string& json, const std::string& where) {
  const Value value = parse_json(json, where);
  RunResult result;
  Reader::read({value, "", where}, result);
  return result;
}

}  // namespace evalharness
