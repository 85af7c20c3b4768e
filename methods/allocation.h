// How sparse each layer is to be: what every pruning method reads, and none owns.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/model/model_shape.h"
#include "methods/sensitivity.h"
#include "methods/sparsity.h"

namespace evalharness {

// The pattern of every layer of a model.
class LayerPatterns {
 public:
  LayerPatterns(const Model& model, const SparsityPattern& everywhere);
  const SparsityPattern& of(const Layer& layer) const { return at(layer.block, layer.linear); }
  const SparsityPattern& at(size_t block, Linear linear) const { return patterns_[block][static_cast<size_t>(linear)]; }
  void set(size_t block, Linear linear, double sparsity);

 private:
  std::vector<std::vector<SparsityPattern>> patterns_;  // [block][linear]
};

class SparsityAllocation {
 public:
  // Reads `sparsity: 0.5` or `pattern: 2:4`, and beside a sparsity `allocation:` with some of
  //     blocks: [0.4, 0.5, 0.6]        a sparsity a block
  //     layers: {down_proj: 0.4}       of all layers of a kind, or of one by its whole name; goes before the others
  //     sensitivity: {spread: 0.1}     around `sparsity`, by rank (methods/sensitivity.h); alone
  explicit SparsityAllocation(const ConfigNode& options);

  // What a layer gets where nothing else is said.
  const SparsityPattern& pattern() const { return pattern_; }
  bool uniform() const { return blocks_.empty() && layers_.empty() && !sensitivity_; }
  bool needs_calibration() const { return sensitivity_.has_value(); }
  size_t needed_samples() const { return sensitivity_ ? sensitivity_->samples : 0; }
  // Fails, with the place in the config, where the model has other blocks or layers than those named, or where a
  // pattern does not fit a layer.
  void check(const ModelShape& shape) const;
  // Measures where it is by sensitivity; the model is changed meanwhile and put back.
  LayerPatterns patterns(Model& model, const Calibration& calibration) const;

 private:
  struct Named {
    double sparsity;
    ConfigNode place;
  };

  SparsityPattern pattern_;
  std::vector<double> blocks_;
  std::optional<ConfigNode> blocks_place_;
  std::map<std::string, Named> layers_;
  std::optional<SensitivityOptions> sensitivity_;
};

// Sparsities sparsity - spread .. sparsity + spread in equal steps by rank, the most sensitive lowest; of ties the first
// counts as less sensitive.
std::vector<double> sparsities_by_rank(std::span<const double> sensitivities, double sparsity, double spread);

}  // namespace evalharness
