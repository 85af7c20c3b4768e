// Singular value decomposition in double, by LAPACK's divide and conquer on the calling thread: same matrix, same bytes.
#pragma once

#include <vector>

#include "harness/math/linalg.h"

namespace evalharness {

// A [m, n] = U diag(s) V^T, the thin one: k = min(m, n).
struct Svd {
  DoubleMatrix u;         // [m, k], columns of length 1 at right angles
  std::vector<double> s;  // [k], descending, not negative
  DoubleMatrix vt;        // [k, n], rows of length 1 at right angles
};
// Fails where the iteration does not converge, as with a NaN in A.
Svd svd(DoubleMatrix a);

}  // namespace evalharness
