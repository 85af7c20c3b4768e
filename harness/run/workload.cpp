#include "harness/run/workload.h"

#include <algorithm>

#include "harness/base/rng.h"
#include "harness/measure/roofline.h"
#include "harness/measure/statistics.h"

namespace evalharness {

ModelParts model_parts(const Model& model, size_t sequences, size_t tokens) {
  ModelParts parts;
  for (const Block& block : model.blocks) {
    for (const Slot& slot : block.slots) parts.linears.push_back(slot.op->cost(sequences * tokens));
    parts.attention.push_back({.shape = attention_shape(model.config)});
  }
  parts.head = model.head().cost(sequences);
  // Embedding rows in and one token id a sequence out.
  parts.edge_bytes = static_cast<double>(sequences * tokens * model.config.hidden * dtype_bytes(model.dtype) +
                                         sequences * sizeof(int32_t));
  return parts;
}

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
  if (!config_.decode) return step(config_.tokens);
  for (size_t i = 0; i < config_.tokens; ++i) step(1);
}

ModelCost Workload::cost() const {
  const size_t tokens = config_.decode ? 1 : config_.tokens;
  const ModelParts parts = model_parts(transformer_.model(), config_.batch, tokens);
  if (config_.decode) return decode_cost(parts, config_.batch, config_.context, config_.tokens);
  return pass_cost(parts, {.sequences = config_.batch, .tokens = config_.tokens, .past = config_.context});
}

SpeedResult speed_result(const SpeedConfig& config, const ModelCost& cost, const Estimate& seconds,
                         const MachineCeilings& ceilings, double weights) {
  SpeedResult result;
  result.phase = config.phase();
  result.batch = config.batch;
  result.tokens = config.tokens;
  result.context = config.context;
  result.tokens_per_second = rate_estimate(static_cast<double>(config.tokens * config.batch), seconds);
  result.latency_ms = scaled(seconds, 1000 / (config.decode ? static_cast<double>(config.tokens) : 1));
  result.flops.value = cost.dense_flops;
  result.flops.n = 1;
  result.executed_flops = cost.executed_flops;
  result.effective_flops = cost.effective_flops;
  result.minimum_bytes = cost.minimum_bytes();
  result.mfu = model_flops_utilisation(cost, seconds, peak_flops(ceilings));
  result.mbu = model_bandwidth_utilisation(cost, seconds, bandwidth_at(ceilings, weights));
  return result;
}

}  // namespace evalharness
