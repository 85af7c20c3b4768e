#include "harness/measure/flops.h"

#include "harness/measure/statistics.h"

namespace evalharness {
namespace {

void add_linear(ModelCost& total, const Cost& cost) {
  total.dense_flops += cost.dense_flops;
  total.executed_flops += cost.executed_flops;
  total.effective_flops += cost.effective_flops;
  total.integer_flops += cost.integer_flops;
  total.weight_bytes += cost.weight_bytes;
}

void add_attention(ModelCost& total, double flops) {
  total.attention_flops += flops;
  total.dense_flops += flops;
  total.executed_flops += flops;
  total.effective_flops += flops;
}

}  // namespace

ModelCost& ModelCost::operator+=(const ModelCost& other) {
  dense_flops += other.dense_flops;
  executed_flops += other.executed_flops;
  effective_flops += other.effective_flops;
  attention_flops += other.attention_flops;
  integer_flops += other.integer_flops;
  weight_bytes += other.weight_bytes;
  kv_bytes += other.kv_bytes;
  edge_bytes += other.edge_bytes;
  return *this;
}

double attention_flops(const AttentionCost& attention, const PassShape& pass) {
  const double tokens = static_cast<double>(pass.tokens), past = static_cast<double>(pass.past);
  const double seen = tokens * past + tokens * (tokens + 1) / 2;  // summed over the tokens
  return 2 * 2 * static_cast<double>(attention.shape.head_dim * attention.shape.heads * pass.sequences) * seen;
}

double kv_bytes(const AttentionCost& attention, const PassShape& pass) {
  const size_t values =
      2 * attention.shape.kv_heads * attention.shape.head_dim;  // a key and a value, one token
  const size_t moved_tokens = pass.sequences * (pass.past + pass.tokens);
  return static_cast<double>(values * moved_tokens) * attention.kv_value_bytes;
}

ModelCost pass_cost(const ModelParts& parts, const PassShape& pass) {
  ModelCost total;
  for (const Cost& linear : parts.linears) add_linear(total, linear);
  add_linear(total, parts.head);
  for (const AttentionCost& attention : parts.attention) {
    add_attention(total, attention_flops(attention, pass));
    total.kv_bytes += kv_bytes(attention, pass);
  }
  total.edge_bytes = parts.edge_bytes;
  return total;
}

ModelCost decode_cost(const ModelParts& parts, size_t sequences, size_t context, size_t steps) {
  ModelCost total;
  for (size_t step = 0; step < steps; ++step) {
    total += pass_cost(parts, {.sequences = sequences, .tokens = 1, .past = context + step});
  }
  return total;
}

Cost as_op(const ModelCost& cost) {
  return {.dense_flops = cost.dense_flops,
          .executed_flops = cost.executed_flops,
          .integer_flops = cost.integer_flops,
          .effective_flops = cost.effective_flops,
          .weight_bytes = cost.weight_bytes,
          .activation_bytes = cost.kv_bytes + cost.edge_bytes};
}

Estimate model_flops_utilisation(const ModelCost& cost, const Estimate& seconds, double peak) {
  return rate_estimate(cost.dense_flops / peak, seconds);
}

Estimate hardware_flops_utilisation(const ModelCost& cost, const Estimate& seconds, double peak) {
  return rate_estimate(cost.executed_flops / peak, seconds);
}

Estimate model_bandwidth_utilisation(const ModelCost& cost, const Estimate& seconds,
                                     double bandwidth) {
  return rate_estimate(cost.minimum_bytes() / bandwidth, seconds);
}

}  // namespace evalharness
