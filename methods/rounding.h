// Options that every method with integer weights reads alike.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "harness/base/config_node.h"
#include "harness/calib/calibration.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/stored_grids.h"

namespace evalharness {

size_t read_bits(const ConfigNode& options);   // `bits: 4`, 2 .. 8
size_t read_group(const ConfigNode& options);  // `group: 128`, inputs that share a scale; `group: row` is 0

// `activations: keep`, or a layer's inputs rounded to 8 bits in the forward pass: `int8` by the largest of each token, `int8_tensor` of all
// tokens of a call, `int8_static` of all calibration text.
class ActivationRounding {
 public:
  ActivationRounding(const ConfigNode& options, const std::string& standard);
  bool rounds() const { return how_ != "keep"; }
  bool needs_maxima() const { return how_ == "int8_static"; }
  // `maxima` [in]: max |x_j| of the calibration text; not read unless needs_maxima().
  LinearPtr before(LinearPtr op, std::span<const float> maxima) const;

 private:
  std::string how_;
};

// int*, or where an earlier step pruned the layer sparse.bitmask.int*, which leaves the zeros out.
LinearPtr store_codes(const QuantisedMatrix& q, const Layer& layer);

// int8.row.sym, each row by its largest magnitude,
LinearPtr round_rows_to_int8(MatrixView w, Dtype dtype);
// or all of them by the largest of the matrix: the same format, with one scale in every row.
LinearPtr round_matrix_to_int8(MatrixView w, Dtype dtype);

}  // namespace evalharness
