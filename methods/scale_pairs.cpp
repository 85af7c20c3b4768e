#include "methods/scale_pairs.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/scaled_input.h"

namespace evalharness {
namespace {

// Pruned weights stay in their format: scaling moves no zero.
void replace(Slot& slot, const Matrix& w, Dtype dtype) {
  slot.op = slot.op->pruned() ? nearest_weight(slot.op->format(), w.view()) : make_dense(w.view(), dtype);
}

std::vector<float> inverse_of(std::span<const float> s) {
  std::vector<float> inverse(s.size());
  std::ranges::transform(s, inverse.begin(), [](float scale) { return 1 / scale; });
  return inverse;
}

}  // namespace

bool ScalePair::reads(Linear linear) const { return std::ranges::find(readers, linear) != readers.end(); }

std::vector<ScalePair> norm_pairs() {
  return {{.norm = &Block::attention_norm, .layer = {}, .readers = {Linear::q, Linear::k, Linear::v}},
          {.norm = &Block::mlp_norm, .layer = {}, .readers = {Linear::gate, Linear::up}}};
}

std::vector<ScalePair> layer_pairs(const ModelConfig& config) {
  std::vector<ScalePair> pairs;
  if (config.heads == config.kv_heads) pairs.push_back({.norm = nullptr, .layer = Linear::v, .readers = {Linear::o}});
  pairs.push_back({.norm = nullptr, .layer = Linear::up, .readers = {Linear::down}});
  return pairs;
}

ScalePair run_time_pair(Linear reader) { return {.norm = nullptr, .layer = {}, .readers = {reader}}; }

std::vector<float> column_maxima(const Block& block, const ScalePair& pair) {
  std::vector<float> maxima(block.slot(pair.readers.front()).op->in());
  for (const Linear linear : pair.readers) {
    const Matrix w = block.slot(linear).op->to_dense();  // [out, in]
    for (size_t o = 0; o < w.rows(); ++o)
      for (size_t j = 0; j < w.cols(); ++j) maxima[j] = std::max(maxima[j], std::abs(w(o, j)));
  }
  return maxima;
}

void apply_scales(Block& block, const ScalePair& pair, std::span<const float> s, Dtype dtype) {
  EH_ASSERT(std::ranges::all_of(s, [](float scale) { return std::isfinite(scale) && scale > 0; }));
  if (pair.norm != nullptr)
    for (size_t j = 0; j < s.size(); ++j) (block.*pair.norm)[j] /= s[j];
  if (pair.layer) {
    Slot& slot = block.slot(*pair.layer);
    Matrix w = slot.op->to_dense();
    EH_ASSERT(w.rows() == s.size());
    for (size_t j = 0; j < s.size(); ++j) {
      for (float& value : w.row(j)) value /= s[j];
      if (!slot.bias.empty()) slot.bias[j] /= s[j];
    }
    replace(slot, w, dtype);
  }
  for (const Linear linear : pair.readers) {
    Slot& slot = block.slot(linear);
    Matrix w = slot.op->to_dense();
    EH_ASSERT(w.cols() == s.size());
    scale_columns(w.view(), s);
    replace(slot, w, dtype);
    if (pair.norm == nullptr && !pair.layer) slot.op = make_scaled_input(inverse_of(s), std::move(slot.op));
  }
}

void check_leaves(const ModelShape& shape, const std::string& method) {
  for (const LayerShape& layer : shape.layers)
    if (layer.is_tree)
      fail(cat(method, ": ", layer.name, " is ", layer.format, ": it treats whole weights, so it comes before what splits them"));
}

}  // namespace evalharness
