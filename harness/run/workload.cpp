#include "harness/run/workload.h"

#include <algorithm>

#include "harness/base/clock.h"
#include "harness/base/rng.h"
#include "harness/measure/roofline.h"
#include "harness/measure/statistics.h"

namespace evalharness {
namespace {

// Of one pass over `tokens` tokens of each of `sequences` sequences.
ModelParts model_parts(const Transformer& transformer, size_t sequences, size_t tokens) {
  const Model& model = transformer.model();
  const auto kv_value_bytes = static_cast<double>(dtype_bytes(transformer.cache_dtype()));
  ModelParts parts;
  for (size_t b = 0; b < model.blocks.size(); ++b) {
    for (const Linear linear : kLinears)
      parts.linears.push_back(cost_on(transformer.block(b).linear(linear), *model.blocks[b].slot(linear).op, sequences * tokens));
    parts.attention.push_back({.shape = attention_shape(model.config), .kv_value_bytes = kv_value_bytes});
  }
  parts.head = cost_on(transformer.bound_head(), model.head(), sequences);
  // Embedding rows in and one token id a sequence out.
  parts.edge_bytes = static_cast<double>(sequences * tokens * model.config.hidden * dtype_bytes(model.dtype) +
                                         sequences * sizeof(int32_t));
  return parts;
}

}  // namespace

double streamed_bytes(const Model& model) { return static_cast<double>(linear_totals(model).bytes + model.head().bytes()); }

Workload::Workload(Transformer& transformer, const SpeedConfig& config) : transformer_(transformer), config_(config) {
  Rng rng(0, "speed.tokens");
  const size_t longest = std::max(config.tokens, config.context);
  for (size_t i = 0; i < longest; ++i)
    ids_.push_back(static_cast<int32_t>(rng.below(transformer.model().config.vocab)));
  const std::vector<size_t> capacities(config.batch, config.context + config.tokens);
  cache_ = transformer.make_cache(capacities, true);
  if (config.context > 0) step(config.context);
}

void Workload::step(size_t tokens) {
  Batch batch;
  for (size_t s = 0; s < config_.batch; ++s) batch.add(s, cache_->length(s), std::span(ids_).first(tokens));
  const MatrixView hidden = transformer_.forward(batch, *cache_);
  Matrix last(config_.batch, hidden.cols);
  for (size_t s = 0; s < config_.batch; ++s)
    std::ranges::copy(hidden.row(batch.segments[s].first + tokens - 1), last.row(s).begin());
  transformer_.head(last.view(), std::vector<int32_t>(config_.batch, -1));
}

void Workload::run() {
  for (size_t s = 0; s < config_.batch; ++s) cache_->set_length(s, config_.context);
  if (!config_.decode) return timed_step(config_.tokens);
  for (size_t i = 0; i < config_.tokens; ++i) timed_step(1);
}

void Workload::timed_step(size_t tokens) {
  const double start = steady_seconds();
  step(tokens);
  pass_seconds_.push_back(steady_seconds() - start);
}

ModelCost Workload::cost() const {
  const size_t tokens = config_.decode ? 1 : config_.tokens;
  const ModelParts parts = model_parts(transformer_, config_.batch, tokens);
  if (config_.decode) return decode_cost(parts, config_.batch, config_.context, config_.tokens);
  return pass_cost(parts, {.sequences = config_.batch, .tokens = config_.tokens, .past = config_.context});
}

std::span<const double> Workload::pass_seconds(size_t first_repetitions) const {
  return std::span(pass_seconds_).subspan(first_repetitions * (config_.decode ? config_.tokens : 1));
}

SpeedResult Workload::speed(const Timing& timing, const MachineCeilings& ceilings) const {
  const ModelCost cost = this->cost();
  const Estimate& seconds = timing.median;
  SpeedResult result;
  result.phase = config_.phase();
  result.batch = config_.batch;
  result.tokens = config_.tokens;
  result.context = config_.context;
  result.tokens_per_second = rate_estimate(static_cast<double>(config_.tokens * config_.batch), seconds);
  result.latency_ms = scaled(seconds, 1000 / (config_.decode ? static_cast<double>(config_.tokens) : 1));
  result.percentiles = latency_percentiles(pass_seconds(timing.warmup_repetitions));
  result.flops.value = cost.dense_flops;
  result.flops.n = 1;
  result.executed_flops = cost.executed_flops;
  result.effective_flops = cost.effective_flops;
  result.minimum_bytes = cost.minimum_bytes();
  const double peak = mixed_peak(ceilings, cost.executed_flops, cost.integer_flops);
  result.mfu = model_flops_utilisation(cost, seconds, peak);
  result.mbu = model_bandwidth_utilisation(cost, seconds, bandwidth_at(ceilings, streamed_bytes(transformer_.model())));
  result.notes = doubts_of(timing);
  return result;
}

std::vector<LatencyPercentile> latency_percentiles(std::span<const double> seconds) {
  std::vector<LatencyPercentile> percentiles;
  for (const double percent : {50, 90, 99}) {
    const Percentile of_seconds = percentile(seconds, percent / 100);
    percentiles.push_back({.percent = percent,
                           .nearest_rank_ms = scaled(of_seconds.nearest_rank, 1000),
                           .conservative_ms = scaled(of_seconds.conservative, 1000)});
  }
  return percentiles;
}

}  // namespace evalharness
