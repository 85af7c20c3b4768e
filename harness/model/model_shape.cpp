#include "harness/model/model_shape.h"

#include <utility>

#include "harness/base/text.h"
#include "harness/ops/tree.h"

namespace evalharness {

WeightShape shape_in(const ModelConfig& config, Linear linear) {
  const size_t hidden = config.hidden, queries = config.heads * config.head_dim, keys = config.kv_heads * config.head_dim;
  if (linear == Linear::q) return {queries, hidden};
  if (linear == Linear::k || linear == Linear::v) return {keys, hidden};
  if (linear == Linear::o) return {hidden, queries};
  if (linear == Linear::down) return {hidden, config.intermediate};
  return {config.intermediate, hidden};
}

void LayerShape::split(const std::function<std::vector<WeightShape>(WeightShape)>& parts) {
  std::vector<WeightShape> after;
  for (const WeightShape leaf : leaves) {
    const std::vector<WeightShape> of_leaf = parts(leaf);
    after.insert(after.end(), of_leaf.begin(), of_leaf.end());
  }
  if (after.size() > leaves.size()) {
    is_tree = true;
    format = "two factors";
  }
  leaves = std::move(after);
}

ModelShape shape_of(const Model& model) {
  ModelShape shape{model.blocks.size(), {}};
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) {
      LayerShape layer{slot.name, slot.op->format(), !slot.op->children().empty(), {}};
      each_leaf(*slot.op, [&](const LinearOp& leaf) { layer.leaves.push_back({leaf.out(), leaf.in()}); });
      shape.layers.push_back(std::move(layer));
    }
  return shape;
}

ModelShape dense_shape(const ModelConfig& config, Dtype dtype) {
  ModelShape shape{config.layers, {}};
  for (size_t b = 0; b < config.layers; ++b)
    for (const Linear linear : kLinears)
      shape.layers.push_back({slot_name(b, linear), cat("dense.", dtype_name(dtype)), false, {shape_in(config, linear)}});
  return shape;
}

}  // namespace evalharness
