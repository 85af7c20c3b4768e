#include <catch2/catch.hpp>

#include <cmath>

#include "harness/base/parallel.h"
#include "harness/base/rng.h"
#include "harness/math/linalg.h"
#include "test/support/larger.h"

using namespace evalharness;

namespace {

DoubleMatrix matrix_of(size_t rows, size_t cols, const std::vector<double>& values) {
  DoubleMatrix m(rows, cols);
  std::ranges::copy(values, m.values().begin());
  return m;
}

std::vector<double> values_of(const DoubleMatrix& m) { return {m.values().begin(), m.values().end()}; }

DoubleMatrix random_double_matrix(size_t rows, size_t cols) {
  Rng rng(7, "test.linalg");
  DoubleMatrix m(rows, cols);
  for (double& x : m.values()) x = rng.normal();
  return m;
}

// A^T B, the slow way.
DoubleMatrix product_of_transposed(const DoubleMatrix& a, const DoubleMatrix& b) {
  DoubleMatrix c(a.cols(), b.cols());
  for (size_t k = 0; k < a.rows(); ++k)
    for (size_t i = 0; i < a.cols(); ++i)
      for (size_t j = 0; j < b.cols(); ++j) c(i, j) += a(k, i) * b(k, j);
  return c;
}

double largest_difference(const DoubleMatrix& a, const DoubleMatrix& b) {
  double largest = 0;
  for (size_t i = 0; i < a.values().size(); ++i) largest = test::larger(largest, std::abs(a.values()[i] - b.values()[i]));
  return largest;
}

DoubleMatrix identity(size_t n) {
  DoubleMatrix m(n, n);
  for (size_t i = 0; i < n; ++i) m(i, i) = 1;
  return m;
}

}  // namespace

TEST_CASE("the Cholesky factor of a matrix done by hand", "[math][linalg]") {
  // U^T U = {{4, 2, 6}, {2, 10, 9}, {6, 9, 26}}
  const auto u = upper_cholesky(matrix_of(3, 3, {4, 2, 6, 2, 10, 9, 6, 9, 26}));
  REQUIRE(u);
  CHECK(values_of(*u) == std::vector<double>{2, 1, 3, 0, 3, 2, 0, 0, std::sqrt(13.0)});
}

TEST_CASE("the factor of an inverse done by hand", "[math][linalg]") {
  // The inverse of {{5, -2}, {-2, 1}} is {{1, 2}, {2, 5}} = U^T U with U = {{1, 2}, {0, 1}}.
  const auto u = upper_cholesky_of_inverse(matrix_of(2, 2, {5, -2, -2, 1}));
  REQUIRE(u);
  CHECK(largest_difference(*u, matrix_of(2, 2, {1, 2, 0, 1})) < 1e-12);
}

TEST_CASE("the factor of a diagonal's inverse has exact zeros beside the diagonal", "[math][linalg]") {
  const auto u = upper_cholesky_of_inverse(matrix_of(3, 3, {4, 0, 0, 0, 16, 0, 0, 0, 0.25}));
  REQUIRE(u);
  CHECK(values_of(*u) == std::vector<double>{0.5, 0, 0, 0, 0.25, 0, 0, 0, 2});
}

TEST_CASE("an indefinite or a singular matrix has no factor", "[math][linalg]") {
  CHECK_FALSE(upper_cholesky(matrix_of(2, 2, {1, 2, 2, 1})));
  CHECK_FALSE(upper_cholesky_of_inverse(matrix_of(2, 2, {1, 1, 1, 1})));
}

TEST_CASE("A times its inverse is the identity", "[math][linalg]") {
  const DoubleMatrix x = random_double_matrix(60, 37);
  const DoubleMatrix a = product_of_transposed(x, x);
  const auto u = upper_cholesky(a);
  REQUIRE(u);
  CHECK(largest_difference(product_of_transposed(*u, *u), a) < 1e-11);
  const auto factor = upper_cholesky_of_inverse(a);
  REQUIRE(factor);
  for (size_t i = 0; i < 37; ++i)
    for (size_t j = 0; j < i; ++j) CHECK((*factor)(i, j) == 0);
  const DoubleMatrix inverse = product_of_transposed(*factor, *factor);
  CHECK(largest_difference(product_of_transposed(a, inverse), identity(37)) < 1e-11);
}

TEST_CASE("the Gram matrix is the sum of outer products, for any number of threads", "[math][linalg]") {
  // Several tiles; more tokens than are summed in one go. A stride.
  for (const auto& [tokens, n] : {std::pair<size_t, size_t>{150, 401}, {2100, 20}}) {
    Rng rng(3, "test.gram");
    Matrix x(tokens + 10, n + 7);
    for (float& value : x.values()) value = static_cast<float>(rng.normal());
    const MatrixView view{x.view().data, x.rows(), n, x.cols()};
    DoubleMatrix expected(n, n);
    for (size_t t = 0; t < x.rows(); ++t)
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) expected(i, j) += double(x(t, i)) * double(x(t, j));
    const size_t threads = thread_count();
    std::vector<std::vector<double>> sums;
    for (const size_t count : {size_t{1}, size_t{3}}) {
      set_thread_count(count);
      DoubleMatrix sum(n, n);
      add_gram(view.rows_from(0, 10), sum);
      add_gram(view.rows_from(10, tokens), sum);
      mirror_upper(sum);
      CHECK(largest_difference(sum, expected) < 5e-3);  // of sums of about 2100 in float32
      sums.push_back(values_of(sum));
    }
    set_thread_count(threads);
    CHECK(sums[0] == sums[1]);
  }
}

TEST_CASE("row energies are d H d^T of each row", "[math][linalg]") {
  // (1, 2) H (1, 2)^T = 2 + 2 * 2 * 1 + 4 * 3 = 18; (0, 1) H (0, 1)^T = 3.
  CHECK(row_energies(Matrix(2, 2, {1, 2, 0, 1}), Matrix(2, 2, {2, 1, 1, 3})) == std::vector<double>{18, 3});
}

TEST_CASE("the output energy is trace(W H W^T)", "[math][linalg]") {
  // (1, 2) H (1, 2)^T = 2 + 2 * 2 * 1 + 4 * 3 = 18; (0, 1) H (0, 1)^T = 3.
  CHECK(output_energy(matrix_of(2, 2, {1, 2, 0, 1}), matrix_of(2, 2, {2, 1, 1, 3})) == 21);
}

TEST_CASE("subtract_product works on parts of matrices", "[math][linalg]") {
  DoubleMatrix y = matrix_of(2, 3, {10, 20, 30, 40, 50, 60});
  const DoubleMatrix a = matrix_of(2, 1, {1, 2}), b = matrix_of(1, 2, {3, 5});
  subtract_product({a.values().data(), 2, 1, 1}, {b.values().data(), 1, 2, 2}, {y.values().data() + 1, 2, 2, 3});
  CHECK(values_of(y) == std::vector<double>{10, 17, 25, 40, 44, 50});
}
