// Dense linear algebra in double, for what is solved once a layer: LAPACK's factorisations and sums over tokens.
// LAPACK runs on the calling thread; sums run on all threads over fixed tiles and do not depend on their number.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "harness/math/matrix.h"

namespace evalharness {

class DoubleMatrix {
 public:
  DoubleMatrix() = default;
  DoubleMatrix(size_t rows, size_t cols) : rows_(rows), cols_(cols), values_(rows * cols) {}
  explicit DoubleMatrix(MatrixView m);
  size_t rows() const { return rows_; }
  size_t cols() const { return cols_; }
  double& operator()(size_t i, size_t j) { return values_[i * cols_ + j]; }
  double operator()(size_t i, size_t j) const { return values_[i * cols_ + j]; }
  std::span<double> row(size_t i) { return {values_.data() + i * cols_, cols_}; }
  std::span<const double> row(size_t i) const { return {values_.data() + i * cols_, cols_}; }
  std::span<double> values() { return values_; }
  std::span<const double> values() const { return values_; }
  MatrixSpan<const double> view() const { return {values_.data(), rows_, cols_, cols_}; }
  MatrixSpan<double> view() { return {values_.data(), rows_, cols_, cols_}; }
  Matrix to_float() const;

 private:
  size_t rows_ = 0, cols_ = 0;
  std::vector<double> values_;
};

// The upper triangular U with U^T U = A (zeros below the diagonal); nothing where A is not positive definite.
// A is symmetric and its upper triangle is read.
std::optional<DoubleMatrix> upper_cholesky(DoubleMatrix a);
// The upper triangular U with U^T U = A^-1, without that inverse; nothing where A is not positive definite.
std::optional<DoubleMatrix> upper_cholesky_of_inverse(DoubleMatrix a);

// y[rows, n] -= a[rows, k] * b[k, n] on the calling thread. Strides in elements.
void subtract_product(MatrixSpan<const double> a, MatrixSpan<const double> b, MatrixSpan<double> y);

// Adds X^T X of X [tokens, n] to the upper triangle of `sum` [n, n]. Products of up to 2048 tokens are summed in
// float32, then added in double.
void add_gram(MatrixView x, DoubleMatrix& sum);
// Copies the upper triangle to the lower.
void mirror_upper(DoubleMatrix& a);

// trace(W H W^T) of W [m, n] and a symmetric H [n, n]: the squared norm of the outputs X W^T where H = X^T X.
double output_energy(const DoubleMatrix& w, const DoubleMatrix& h);

// d^T H d of each row d [n] of `rows`, with a symmetric H [n, n]: products in float32, on the calling thread.
std::vector<double> row_energies(const Matrix& rows, const Matrix& h);

}  // namespace evalharness
