// Options that every method with integer weights reads alike.
#pragma once

#include <cstddef>

#include "harness/base/config_node.h"
#include "harness/calib/calibration.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/stored_grids.h"

namespace evalharness {

size_t read_bits(const ConfigNode& options);   // `bits: 4`, 2 .. 8
size_t read_group(const ConfigNode& options);  // `group: 128`, inputs that share a scale; `group: row` is 0

// `activations: keep` or `int8`: whether a layer's inputs are rounded too, token by token, in the forward pass.
bool read_rounds_activations(const ConfigNode& options, const std::string& standard);

// int*, or where an earlier step pruned the layer sparse.bitmask.int*, which leaves the zeros out.
LinearPtr store_codes(const QuantisedMatrix& q, const Layer& layer);

// int8.row.sym, each row by its largest magnitude,
LinearPtr round_rows_to_int8(MatrixView w, Dtype dtype);
// or all of them by the largest of the matrix: the same format, with one scale in every row.
LinearPtr round_matrix_to_int8(MatrixView w, Dtype dtype);

}  // namespace evalharness
