// AWQ's search of a range for each group of weights: what clips its extremes where that helps the layer's outputs.
#pragma once

#include "harness/math/linalg.h"
#include "harness/ops/uniform_grid.h"

namespace evalharness {

// Of W [out, in] each group of a row is clamped to +- p max |W_group|, p of 1, 0.95 .. 0.55, whichever leaves the least of
//
//     sum over tokens of (sum over the group of x_j (w'_j - w_j))^2,    w' clamped, then rounded to the group's grid
//
// `inputs` X [tokens, in]. Returns the clamped weights, not rounded.
Matrix clip_groups(const Matrix& w, MatrixView inputs, const Rounding& rounding);

}  // namespace evalharness
