// Where a scale of a layer's inputs can be undone before the layer: what SmoothQuant and AWQ share.
//
// y = W x is also (W diag(s)) (x / s). If x comes from a norm, its weight takes the 1/s; if it comes from the rows of
// another layer (o reads v's, head by head; down reads up's, times a gate), those rows do. The model computes the same
// and nothing is left to do at run time. Where query heads share v's rows nothing in front of o can take its 1/s: its
// input is divided at run time instead (scaled_input). All readers of one input share s.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "harness/model/model.h"
#include "harness/model/model_shape.h"

namespace evalharness {

struct ScalePair {
  std::vector<float> Block::* norm = nullptr;  // what gives the input: a norm,
  std::optional<Linear> layer;                 // or the rows of a layer; neither: it is divided at run time
  std::vector<Linear> readers;                 // all layers that see it

  bool reads(Linear linear) const;
};
// Attention norm -> q, k, v; MLP norm -> gate, up.
std::vector<ScalePair> norm_pairs();
// up -> down, and v -> o where each query head has a key-value head of its own.
std::vector<ScalePair> layer_pairs(const ModelConfig& config);
ScalePair run_time_pair(Linear reader);

// max over the readers' rows of |W(:, j)|: [in].
std::vector<float> column_maxima(const Block& block, const ScalePair& pair);

// The giver is divided by s [in] and the readers' columns are multiplied by it, all s > 0. The layers among them are
// leaves (see check_leaves) and end dense in `dtype`, pruned ones as they were; behind a scaled_input where there is no
// giver.
void apply_scales(Block& block, const ScalePair& pair, std::span<const float> s, Dtype dtype);

// Fails, naming the layer, where a weight of the blocks is not a plain matrix of numbers but made of others.
void check_leaves(const ModelShape& shape, const std::string& method);

}  // namespace evalharness
