// Random weights of every registered format, for tests that run for all of them.
#pragma once

#include <string>
#include <vector>

#include "harness/ops/linear_op.h"

namespace evalharness::test {

std::vector<std::string> format_names();
// N(0, 1) values with about half of them zero, from a seed of the shape.
Matrix half_zero_matrix(size_t rows, size_t cols);
// Null where the format refuses the shape. Made once; lives as long as the program.
const LinearOp* weight_or_null(const std::string& format, size_t out, size_t in);

}  // namespace evalharness::test
