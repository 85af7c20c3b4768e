// What one pass of a whole model costs: floating-point operations and the least bytes that must
// move.
//
// Counted are the linear layers, attention's two products and the head; not norms, rotations,
// softmax and gates, as is the custom of MFU. Executed and effective operations differ from the
// dense-equivalent in linear layers only.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/backend/backend.h"
#include "harness/ops/linear_op.h"
#include "harness/result/run_result.h"

namespace evalharness {

struct AttentionCost {  // of one block: structured pruning may leave blocks of different sizes
  AttentionShape shape;
  double kv_value_bytes;  // of one stored value of a key or a value
};

// One pass over `tokens` tokens of each of `sequences` sequences that have `past` tokens in their
// cache.
struct PassShape {
  size_t sequences = 1, tokens = 0, past = 0;
};

struct ModelParts {
  std::vector<Cost> linears;              // each slot of each block: cost_on(.., sequences * tokens)
  std::vector<AttentionCost> attention;  // of each block
  Cost head;                              // cost_on(.., positions whose logits are needed)
  double edge_bytes = 0;                  // embedding rows read, and what leaves the model
};

struct ModelCost {
  double dense_flops = 0, executed_flops = 0, effective_flops = 0;
  double attention_flops = 0;  // the part of each of the three above
  double integer_flops = 0;    // of the executed: products of 8-bit integers
  double weight_bytes = 0;     // each weight once a pass, scales and masks included
  double kv_bytes = 0;         // the past read once, the pass's own tokens written once
  double edge_bytes = 0;
  // Activations between layers are not among them: they may stay in a cache.
  double minimum_bytes() const { return weight_bytes + kv_bytes + edge_bytes; }
  ModelCost& operator+=(const ModelCost& other);
};

// Token t (from 1) of a pass sees past + t tokens: 2 * 2 * head_dim * heads * sum over t of (past +
// t), not the whole square.
double attention_flops(const AttentionCost& attention, const PassShape& pass);
// The past read once, the pass' own keys and values written once.
double kv_bytes(const AttentionCost& attention, const PassShape& pass);

ModelCost pass_cost(const ModelParts& parts, const PassShape& pass);
// `steps` passes of one token a sequence, the cache growing from `context`. `parts` are of one
// pass.
ModelCost decode_cost(const ModelParts& parts, size_t sequences, size_t context, size_t steps);

// As one op, for its point in a roofline.
Cost as_op(const ModelCost& cost);

// Shares of the machine's limits. `peak` is that of the arithmetic that is executed: mixed_peak(), where 8-bit integers
// are among it. HFU counts what is executed; MFU what a dense model would do in its place, so a model that executes less
// of it (2:4, low rank) can exceed 1. MBU judges decoding, which the weights' bytes bound.
Estimate model_flops_utilisation(const ModelCost& cost, const Estimate& seconds, double peak);
Estimate hardware_flops_utilisation(const ModelCost& cost, const Estimate& seconds, double peak);
Estimate model_bandwidth_utilisation(const ModelCost& cost, const Estimate& seconds,
                                     double bandwidth);

}  // namespace evalharness
