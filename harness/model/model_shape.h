// The sizes of a model's linear layers: what there is to check before anything is loaded or run.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "harness/model/model.h"

namespace evalharness {

// Of a weight [out, in].
struct WeightShape {
  size_t out, in;
  size_t weights() const { return out * in; }
  bool operator==(const WeightShape&) const = default;
};

WeightShape shape_in(const ModelConfig& config, Linear linear);

// Of a layer of the blocks.
struct LayerShape {
  std::string name;                 // of its slot
  std::string format;               // "dense.bf16", or of a layer that is yet to be split "two factors"
  bool is_tree = false;             // made of other weights
  std::vector<WeightShape> leaves;  // one, or those of the tree from left to right

  // Puts several weights in the place of each leaf, or one that stays.
  void split(const std::function<std::vector<WeightShape>(WeightShape leaf)>& parts);
};

struct ModelShape {
  size_t blocks = 0;
  std::vector<LayerShape> layers;  // of each block in the order of kLinears
};

ModelShape shape_of(const Model& model);
// Of a model that is to be loaded, every weight dense in `dtype`.
ModelShape dense_shape(const ModelConfig& config, Dtype dtype);

}  // namespace evalharness
