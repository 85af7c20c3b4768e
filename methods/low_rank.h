// Weights as products of two thinner ones: what every low-rank method shares.
#pragma once

#include <span>

#include "harness/base/config_node.h"
#include "harness/math/svd.h"
#include "harness/model/model_shape.h"

namespace evalharness {

// How large the factors of a layer are to be.
class RankRule {
 public:
  // Reads `ratio: 0.8` (parameters that are left, of the layer's) or `rank: 64`.
  explicit RankRule(const ConfigNode& options);
  // floor(ratio * out * in / (out + in)), at least 1; or the rank asked for.
  size_t rank(size_t out, size_t in) const;
  double ratio() const { return ratio_; }
  bool by_ratio() const { return rank_ == 0; }
  // Fails, naming the layer and the largest rank that fits, where one is asked for that is above a layer's smaller side.
  void check(const ModelShape& shape) const;
  // What pack_low_rank leaves of every leaf.
  ModelShape after(ModelShape shape) const;

 private:
  double ratio_ = 0.8;
  size_t rank_ = 0;  // 0: by ratio
};

size_t rank_of_ratio(double ratio, size_t out, size_t in);

// Of a weight's factors V [rank, in] and U [out, rank]; of the weight where two factors would be no smaller than it.
std::vector<WeightShape> low_rank_shape(WeightShape weight, size_t rank);

// The best approximation of rank `rank` to U diag(s) V^T, its columns then divided by `column_scales` [in] (or none):
// chain(V, U) with the square root of s on either side. Where two factors would be no smaller than their product,
// the product, dense.
LinearPtr pack_low_rank(const Svd& svd, size_t rank, std::span<const double> column_scales, Dtype dtype);

}  // namespace evalharness
