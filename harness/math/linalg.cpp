#include "harness/math/linalg.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <numeric>

#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/math/panel_kernels.h"

namespace evalharness {
namespace {

constexpr size_t kMostOfTile = 384;   // columns: the library is faster on large tiles, and threads want some of them
constexpr size_t kGramTokens = 2048;  // summed in float32
constexpr size_t kRowTile = 96;  // the library packs H again for each

// LAPACK counts columns first, so that its lower triangle is the upper one of our rows.
constexpr char kOurUpper = 'L', kOurLower = 'U';

lapack_int lapack_size(const DoubleMatrix& a) {
  EH_ASSERT(a.rows() == a.cols());
  return static_cast<lapack_int>(a.rows());
}

blasint blas(size_t n) { return static_cast<blasint>(n); }

// Where the tiles of a Gram matrix begin: equal parts of its columns.
struct GramTile {
  size_t row, rows, col, cols;
};
std::vector<GramTile> upper_tiles(size_t n) {
  const size_t parts = ceil_div(n, kMostOfTile);
  std::vector<GramTile> tiles;
  const auto begin = [&](size_t part) { return part * n / parts; };
  for (size_t i = 0; i < parts; ++i)
    for (size_t j = i; j < parts; ++j) tiles.push_back({begin(i), begin(i + 1) - begin(i), begin(j), begin(j + 1) - begin(j)});
  // Those on the diagonal are half the work: last, so that threads end together.
  std::ranges::stable_partition(tiles, [](const GramTile& tile) { return tile.row != tile.col; });
  return tiles;
}

// Adds X(:, rows)^T X(:, cols) to one tile of the sum, of a tile on the diagonal the upper triangle.
void add_gram_tile(MatrixView x, const GramTile& t, DoubleMatrix& sum) {
  thread_local std::vector<float> product(kMostOfTile * kMostOfTile);
  const bool diagonal = t.row == t.col;
  if (diagonal)
    cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, blas(t.rows), blas(x.rows), 1.0f, x.data + t.row, blas(x.stride), 0.0f,
                product.data(), blas(t.cols));
  else
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, blas(t.rows), blas(t.cols), blas(x.rows), 1.0f, x.data + t.row,
                blas(x.stride), x.data + t.col, blas(x.stride), 0.0f, product.data(), blas(t.cols));
  for (size_t i = 0; i < t.rows; ++i)
    for (size_t j = diagonal ? i : 0; j < t.cols; ++j)
      sum(t.row + i, t.col + j) += static_cast<double>(product[i * t.cols + j]);
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

// Factored from its last row up, A = R R^T with R upper triangular, so that A^-1 = (R^-1)^T R^-1 and U = R^-1. To
// LAPACK that is the lower factor of A with its rows and columns, which is all its values, in reverse.
std::optional<DoubleMatrix> upper_cholesky_of_inverse(DoubleMatrix a) {
  detail::keep_openblas_on_one_thread();
  const lapack_int n = lapack_size(a);
  std::ranges::reverse(a.values());
  if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, kOurLower, n, a.values().data(), n) != 0) return std::nullopt;
  const lapack_int info = LAPACKE_dtrtri(LAPACK_COL_MAJOR, kOurLower, 'N', n, a.values().data(), n);
  EH_ASSERT(info == 0);  // a Cholesky factor has no zero on its diagonal
  std::ranges::reverse(a.values());
  for (size_t i = 0; i < a.rows(); ++i) std::ranges::fill(a.row(i).first(i), 0.0);
  return a;
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
  const std::vector<GramTile> tiles = upper_tiles(x.cols);
  parallel_for(tiles.size(), [&](size_t t) {
    for (size_t token = 0; token < x.rows; token += kGramTokens)
      add_gram_tile(x.rows_from(token, std::min(kGramTokens, x.rows - token)), tiles[t], sum);
  });
}

void mirror_upper(DoubleMatrix& a) {
  for (size_t i = 0; i < a.rows(); ++i)
    for (size_t j = 0; j < i; ++j) a(i, j) = a(j, i);
}

// w H w^T by the upper triangle, half the work: 2 w triu(H) w^T counts the diagonal twice.
double output_energy(const DoubleMatrix& w, const DoubleMatrix& h) {
  detail::keep_openblas_on_one_thread();
  EH_ASSERT(w.cols() == h.rows());
  const size_t n = w.cols();
  std::vector<double> diagonal(n);
  for (size_t j = 0; j < n; ++j) diagonal[j] = h(j, j);
  std::vector<double> sums(ceil_div(w.rows(), kRowTile));
  parallel_for(sums.size(), [&](size_t t) {
    const size_t first = t * kRowTile, rows = std::min(kRowTile, w.rows() - first);
    const std::span<const double> tile = w.values().subspan(first * n, rows * n);
    std::vector<double> wh(tile.begin(), tile.end());
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, blas(rows), blas(n), 1.0,
                h.values().data(), blas(n), wh.data(), blas(n));
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < n; ++j) sums[t] += (2 * wh[i * n + j] - diagonal[j] * tile[i * n + j]) * tile[i * n + j];
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

std::vector<double> row_energies(const Matrix& rows, const Matrix& h) {
  detail::keep_openblas_on_one_thread();
  EH_ASSERT(h.rows() == rows.cols() && h.cols() == rows.cols());
  Matrix products(rows.rows(), h.cols());
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas(rows.rows()), blas(h.cols()), blas(h.rows()), 1.0f,
              rows.values().data(), blas(rows.cols()), h.values().data(), blas(h.cols()), 0.0f, products.values().data(),
              blas(h.cols()));
  std::vector<double> energies(rows.rows());
  for (size_t i = 0; i < rows.rows(); ++i)
    for (size_t j = 0; j < rows.cols(); ++j)
      energies[i] += static_cast<double>(products(i, j)) * static_cast<double>(rows(i, j));
  return energies;
}

}  // namespace evalharness
