#include "methods/obs.h"

#include <algorithm>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr size_t kCompensatedRows = 64;
constexpr size_t kMostDampings = 12;

MatrixSpan<const double> part(const DoubleMatrix& m, size_t row, size_t rows, size_t col, size_t cols) {
  return {m.values().data() + row * m.cols() + col, rows, cols, m.cols()};
}

// Fixes columns first .. end-1 of one row; errors [end - first]. Returns sum e^2.
double fix_row(std::span<double> row, size_t i, const DoubleMatrix& u, size_t first, std::span<double> errors,
               const ColumnRule& rule) {
  const size_t end = first + errors.size();
  double sum = 0;
  for (size_t j = first; j < end; ++j) {
    const double q = rule.fix(i, j, row);
    const std::span<const double> factor = u.row(j);
    const double e = (row[j] - q) / factor[j];
    row[j] = q;
    for (size_t k = j + 1; k < end; ++k) row[k] -= e * factor[k];
    errors[j - first] = e;
    sum += e * e;
  }
  return sum;
}

}  // namespace

void InverseHessian::zero_dead(DoubleMatrix& w) const {
  for (size_t i = 0; i < w.rows(); ++i)
    for (const size_t j : dead) w(i, j) = 0;
}

InverseHessian invert_hessian(DoubleMatrix h, double damping) {
  const size_t n = h.rows();
  InverseHessian inverse;
  for (size_t j = 0; j < n; ++j) {
    if (h(j, j) != 0) continue;
    h(j, j) = 1;
    inverse.dead.push_back(j);
  }
  double mean = 0;
  for (size_t j = 0; j < n; ++j) mean += h(j, j) / static_cast<double>(n);
  for (double share = damping; inverse.damped_again < kMostDampings; share *= 10, ++inverse.damped_again) {
    DoubleMatrix damped = h;
    for (size_t j = 0; j < n; ++j) damped(j, j) += share * mean;
    if (auto u = upper_cholesky_of_inverse(std::move(damped))) {
      inverse.u = std::move(*u);
      return inverse;
    }
  }
  fail(cat("the Hessian of a layer's inputs has no inverse, not even damped by ", damping, " * 10^", kMostDampings));
}

DoubleMatrix hessian(const Inputs& x) {
  DoubleMatrix h = x.gram();
  for (double& value : h.values()) value *= 2.0 / static_cast<double>(x.samples());
  return h;
}

double fix_columns(DoubleMatrix& w, const DoubleMatrix& u, size_t block, const ColumnRule& rule) {
  const size_t in = w.cols(), tiles = (w.rows() + kCompensatedRows - 1) / kCompensatedRows;
  std::vector<double> sums(tiles);
  for (size_t first = 0; first < in; first += block) {
    const size_t end = std::min(in, first + block);
    if (rule.begin_block) rule.begin_block(w, first, end);
    parallel_for(tiles, [&](size_t t) {
      const size_t begin = t * kCompensatedRows, rows = std::min(kCompensatedRows, w.rows() - begin);
      DoubleMatrix errors(rows, end - first);
      for (size_t r = 0; r < rows; ++r) sums[t] += fix_row(w.row(begin + r), begin + r, u, first, errors.row(r), rule);
      subtract_product(part(errors, 0, rows, 0, end - first), part(u, first, end - first, end, in - end),
                       {w.row(begin).data() + end, rows, in - end, in});
    });
  }
  return 0.5 * std::accumulate(sums.begin(), sums.end(), 0.0);
}

ObsOptions::ObsOptions(const ConfigNode& options)
    : block(options.get("block", size_t{128})), damping(options.get("damping", 0.01)),
      true_sequential(options.get("true_sequential", false)) {
  if (block == 0) options.fail_at("block", "expected at least 1 column, got 0");
  if (!(damping > 0)) options.fail_at("damping", cat("expected damping > 0, got ", damping));
}

Needs ObsOptions::needs() const { return {.gram = true, .true_sequential = true_sequential}; }

void count(const InverseHessian& inverse, std::map<std::string, size_t>& counts) {
  counts["dead_columns"] += inverse.dead.size();
  counts["damped_again"] += inverse.damped_again;
}

}  // namespace evalharness
