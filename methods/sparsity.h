// How many weights of a row go, and in what form the rest is kept: what every pruning method shares.
#pragma once

#include <span>
#include <string>

#include "harness/base/config_node.h"
#include "harness/model/model_shape.h"
#include "harness/ops/linear_op.h"

namespace evalharness {

class SparsityPattern {
 public:
  // Reads `sparsity: 0.5` (fraction of zeros) or `pattern: 2:4` (keep 2 of every 4 neighbours along `in`).
  explicit SparsityPattern(const ConfigNode& options);

  bool structured() const { return group_ > 0; }
  size_t group() const { return group_; }  // M of N:M, 0 where unstructured
  double sparsity() const;  // fraction of zeros asked for
  SparsityPattern with_sparsity(double sparsity) const;  // of an unstructured one
  // Zeroes the weights of a row with the lowest scores: floor(cols * sparsity) of the row, or of each group
  // all but `keep`. Of ties the lowest index goes.
  void prune(std::span<const float> scores, std::span<float> weights) const;
  // sparse.bitmask or sparse.N:M; of a sparsity of 0 the weight as it is, dense.
  LinearPtr pack(const Matrix& w, Dtype dtype) const;
  // Fails, naming the layer and the nearest pattern that fits, where a group does not divide a layer's inputs.
  void check(const ModelShape& shape) const;

 private:
  double sparsity_ = 0.5;
  size_t keep_ = 0, group_ = 0;  // N:M; 0: unstructured
};

}  // namespace evalharness
