#include "harness/math/linalg.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <numeric>

#include "harness/base/parallel.h"
#include "harness/math/panel_kernels.h"

namespace evalharness {
namespace {

constexpr size_t kTile = 128;
constexpr size_t kGramTokens = 2048;  // summed in float32
constexpr size_t kRowTile = 32;

// LAPACK counts columns first, so that its lower triangle is the upper one of our rows.
constexpr char kOurUpper = 'L';

lapack_int lapack_size(const DoubleMatrix& a) {
  EH_ASSERT(a.rows() == a.cols());
  return static_cast<lapack_int>(a.rows());
}

blasint blas(size_t n) { return static_cast<blasint>(n); }

// sum[first.., second..] += X(:, first..)^T X(:, second..) for one tile.
void add_gram_tile(MatrixView x, size_t first, size_t second, DoubleMatrix& sum) {
  const size_t rows = std::min(kTile, x.cols - first), cols = std::min(kTile, x.cols - second);
  thread_local std::vector<float> tile(kTile * kTile);
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, blas(rows), blas(cols), blas(x.rows), 1.0f, x.data + first,
              blas(x.stride), x.data + second, blas(x.stride), 0.0f, tile.data(), blas(kTile));
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j) sum(first + i, second + j) += static_cast<double>(tile[i * kTile + j]);
}

}  // namespace

DoubleMatrix::DoubleMatrix(MatrixView m) : DoubleMatrix(m.rows, m.cols) {
  for (size_t i = 0; i < m.rows; ++i) std::ranges::copy(m.row(i), row(i).begin());
}

Matrix DoubleMatrix::to_float() const {
  Matrix m(rows_, cols_);
  std::ranges::transform(values_, m.values().begin(), [](double x) { return static_cast<float>(x); });
  return m;
}

std::optional<DoubleMatrix> upper_cholesky(DoubleMatrix a) {
  detail::keep_openblas_on_one_thread();
  const lapack_int n = lapack_size(a);
  if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, kOurUpper, n, a.values().data(), n) != 0) return std::nullopt;
  for (size_t i = 0; i < a.rows(); ++i) std::ranges::fill(a.row(i).first(i), 0.0);
  return a;
}

DoubleMatrix inverse_from_cholesky(DoubleMatrix u) {
  detail::keep_openblas_on_one_thread();
  const lapack_int n = lapack_size(u);
  const lapack_int info = LAPACKE_dpotri(LAPACK_COL_MAJOR, kOurUpper, n, u.values().data(), n);
  EH_ASSERT(info == 0);  // a Cholesky factor has no zero on its diagonal
  mirror_upper(u);
  return u;
}

std::optional<DoubleMatrix> upper_cholesky_of_inverse(DoubleMatrix a) {
  std::optional<DoubleMatrix> u = upper_cholesky(std::move(a));
  if (!u) return std::nullopt;
  return upper_cholesky(inverse_from_cholesky(std::move(*u)));
}

void subtract_product(MatrixSpan<const double> a, MatrixSpan<const double> b, MatrixSpan<double> y) {
  detail::keep_openblas_on_one_thread();
  EH_ASSERT(a.cols == b.rows && y.rows == a.rows && y.cols == b.cols);
  if (y.rows == 0 || y.cols == 0 || a.cols == 0) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas(y.rows), blas(y.cols), blas(a.cols), -1.0, a.data,
              blas(a.stride), b.data, blas(b.stride), 1.0, y.data, blas(y.stride));
}

void add_gram(MatrixView x, DoubleMatrix& sum) {
  detail::keep_openblas_on_one_thread();
  EH_ASSERT(sum.rows() == x.cols && sum.cols() == x.cols);
  std::vector<std::pair<size_t, size_t>> tiles;
  for (size_t first = 0; first < x.cols; first += kTile)
    for (size_t second = first; second < x.cols; second += kTile) tiles.emplace_back(first, second);
  parallel_for(tiles.size(), [&](size_t t) {
    for (size_t token = 0; token < x.rows; token += kGramTokens)
      add_gram_tile(x.rows_from(token, std::min(kGramTokens, x.rows - token)), tiles[t].first, tiles[t].second, sum);
  });
}

void mirror_upper(DoubleMatrix& a) {
  for (size_t i = 0; i < a.rows(); ++i)
    for (size_t j = 0; j < i; ++j) a(i, j) = a(j, i);
}

double output_energy(const DoubleMatrix& w, const DoubleMatrix& h) {
  detail::keep_openblas_on_one_thread();
  EH_ASSERT(w.cols() == h.rows());
  const size_t n = w.cols();
  std::vector<double> sums((w.rows() + kRowTile - 1) / kRowTile);
  parallel_for(sums.size(), [&](size_t t) {
    const size_t first = t * kRowTile, rows = std::min(kRowTile, w.rows() - first);
    std::vector<double> wh(rows * n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas(rows), blas(n), blas(n), 1.0, w.row(first).data(),
                blas(n), h.values().data(), blas(n), 0.0, wh.data(), blas(n));
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < n; ++j) sums[t] += wh[i * n + j] * w(first + i, j);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace evalharness
