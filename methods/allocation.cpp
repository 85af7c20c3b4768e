#include "methods/allocation.h"

#include <algorithm>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

double read_sparsity(const ConfigNode& node) {
  const double sparsity = node.as_number();
  if (!(sparsity >= 0 && sparsity < 1)) node.fail(cat("expected 0 <= sparsity < 1, got ", sparsity));
  return sparsity;
}

// Every name that a layer answers to: its kind's and its own.
std::vector<std::string> layer_names(const ModelShape& shape) {
  std::vector<std::string> names;
  for (const Linear linear : kLinears) names.push_back(linear_name(linear));
  for (const LayerShape& layer : shape.layers) names.push_back(layer.name);
  return names;
}

}  // namespace

LayerPatterns::LayerPatterns(const Model& model, const SparsityPattern& everywhere) {
  for (const Block& block : model.blocks) patterns_.emplace_back(block.slots.size(), everywhere);
}

void LayerPatterns::set(size_t block, Linear linear, double sparsity) {
  SparsityPattern& pattern = patterns_[block][static_cast<size_t>(linear)];
  pattern = pattern.with_sparsity(sparsity);
}

SparsityAllocation::SparsityAllocation(const ConfigNode& options) : pattern_(options) {
  const auto node = options.find("allocation");
  if (!node) return;
  if (pattern_.structured()) node->fail("expected none beside a pattern, which is the same everywhere");
  blocks_place_ = node->find("blocks");
  if (blocks_place_)
    for (const ConfigNode& item : blocks_place_->items()) blocks_.push_back(read_sparsity(item));
  if (const auto layers = node->find("layers"))
    for (const std::string& name : layers->keys()) {
      const ConfigNode place = layers->at(name);
      layers_.emplace(name, Named{read_sparsity(place), place});
    }
  if (const auto sensitivity = node->find("sensitivity")) {
    if (blocks_place_ || !layers_.empty()) sensitivity->fail("expected it alone, got blocks or layers beside it");
    sensitivity_ = SensitivityOptions(*sensitivity, pattern_.sparsity());
  }
  node->reject_unread();
  if (uniform()) node->fail("expected blocks, layers or sensitivity, got none of them");
}

void SparsityAllocation::check(const ModelShape& shape) const {
  pattern_.check(shape);
  if (blocks_place_ && blocks_.size() != shape.blocks)
    blocks_place_->fail(cat("expected ", shape.blocks, " sparsities, one a block, got ", blocks_.size()));
  const std::vector<std::string> names = layer_names(shape);
  for (const auto& [name, layer] : layers_)
    if (std::ranges::find(names, name) == names.end())
      layer.place.fail(cat("the model has no layer of that name", did_you_mean(name, names)));
}

LayerPatterns SparsityAllocation::patterns(Model& model, const Calibration& calibration) const {
  LayerPatterns patterns(model, pattern_);
  std::vector<double> blocks = blocks_;
  if (sensitivity_)
    blocks = sparsities_by_rank(block_sensitivities(model, calibration, *sensitivity_), pattern_.sparsity(),
                                sensitivity_->spread);
  for (size_t b = 0; b < model.blocks.size(); ++b)
    for (const Linear linear : kLinears) {
      const auto kind = layers_.find(linear_name(linear)), own = layers_.find(model.blocks[b].slot(linear).name);
      if (own != layers_.end())
        patterns.set(b, linear, own->second.sparsity);
      else if (kind != layers_.end())
        patterns.set(b, linear, kind->second.sparsity);
      else if (!blocks.empty())
        patterns.set(b, linear, blocks[b]);
    }
  return patterns;
}

std::vector<double> sparsities_by_rank(std::span<const double> sensitivities, double sparsity, double spread) {
  std::vector<size_t> order(sensitivities.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return sensitivities[a] < sensitivities[b]; });
  std::vector<double> result(order.size(), sparsity);
  if (order.size() < 2) return result;
  for (size_t rank = 0; rank < order.size(); ++rank)
    result[order[rank]] = sparsity + spread - 2 * spread * static_cast<double>(rank) / static_cast<double>(order.size() - 1);
  return result;
}

}  // namespace evalharness
