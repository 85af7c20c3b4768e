// Optimal brain surgeon, a column at a time: what GPTQ and SparseGPT share, and neither owns.
//
// A layer's weights are fixed from left to right. Fixing W(i, j) to a value q costs the layer's outputs an error
// that the columns to its right can partly undo, in the least squares of the inputs X with Hessian H = X^T X:
//
//     e = (W(i, j) - q) / U(j, j),   W(i, k) -= e U(j, k) for k > j,      U upper triangular, U^T U = H^-1
//
// U(j, j)^2 is the diagonal of the inverse of H without the columns before j, so that one factor serves every row
// and step. The error made is 1/2 sum e^2 = 1/2 trace(dW H dW^T), exactly.
//
// E. Frantar, S. P. Singh and D. Alistarh, "Optimal Brain Compression", NeurIPS 2022 (arXiv:2208.11580); the shared
// factor and the lazy updates of blocks of columns: GPTQ (arXiv:2210.17323), SparseGPT (arXiv:2301.00774).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/base/config_node.h"
#include "harness/calib/inputs.h"
#include "harness/math/linalg.h"

namespace evalharness {

struct InverseHessian {
  DoubleMatrix u;               // [in, in], upper triangular, U^T U = (H + damping I)^-1
  std::vector<size_t> dead;     // inputs that were always zero: their weights are to be zero
  size_t damped_again = 0;      // how often the damping was raised tenfold, until H had an inverse

  void zero_dead(DoubleMatrix& w) const;
};
// Dead inputs get a diagonal of 1, then the diagonal is raised by damping * its mean.
InverseHessian invert_hessian(DoubleMatrix h, double damping);
// H = 2 / samples * X^T X, the scale of the papers' code.
DoubleMatrix hessian(const Inputs& x);

// What becomes of a weight on its turn.
struct ColumnRule {
  // Before the columns first .. end-1 are fixed, on the calling thread; w [out, in] is up to date.
  std::function<void(const DoubleMatrix& w, size_t first, size_t end)> begin_block;
  // The value for w(i, j). Row i [in] is up to date to the end of the block; rows run in parallel.
  std::function<double(size_t i, size_t j, std::span<const double> row)> fix;
};
// Fixes all columns of w [out, in], `block` of them between two updates of the columns to their right. Returns
// 1/2 sum e^2. The size of the block changes nothing but what begin_block sees.
double fix_columns(DoubleMatrix& w, const DoubleMatrix& u, size_t block, const ColumnRule& rule);

// Options of the methods that use the above.
struct ObsOptions {
  size_t block = 128;
  double damping = 0.01;
  bool true_sequential = false;

  // Reads `block`, `damping` and `true_sequential`.
  explicit ObsOptions(const ConfigNode& options);
  Needs needs() const;
};

// Sums over layers for the report.
void count(const InverseHessian& inverse, std::map<std::string, size_t>& counts);

}  // namespace evalharness
