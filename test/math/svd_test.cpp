#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "harness/math/svd.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

// U diag(s) V^T.
double entry(const Svd& svd, size_t i, size_t j) {
  double sum = 0;
  for (size_t k = 0; k < svd.s.size(); ++k) sum += svd.u(i, k) * svd.s[k] * svd.vt(k, j);
  return sum;
}

}  // namespace

TEST_CASE("singular values by hand", "[svd]") {
  // A A^T = {{25, 0}, {0, 4}}.
  DoubleMatrix a(2, 3);
  a(0, 0) = 3;
  a(0, 2) = 4;
  a(1, 1) = -2;
  const Svd found = svd(a);
  REQUIRE(found.s.size() == 2);
  CHECK(found.s[0] == Approx(5));
  CHECK(found.s[1] == Approx(2));
  CHECK(std::abs(found.vt(0, 0)) == Approx(0.6));
  CHECK(std::abs(found.vt(0, 2)) == Approx(0.8));
  CHECK(std::abs(found.u(1, 1)) == Approx(1));
}

TEST_CASE("wide, tall and square matrices are the product of their factors, whose columns are at right angles", "[svd]") {
  for (const auto& [rows, cols] : {std::pair<size_t, size_t>{7, 20}, {20, 7}, {12, 12}}) {
    const DoubleMatrix a(random_matrix(rows, cols, 3).view());
    const Svd found = svd(a);
    const size_t k = std::min(rows, cols);
    REQUIRE((found.u.rows() == rows && found.u.cols() == k && found.vt.rows() == k && found.vt.cols() == cols));
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < cols; ++j) REQUIRE(entry(found, i, j) == Approx(a(i, j)).margin(1e-12));
    for (size_t p = 0; p < k; ++p)
      for (size_t q = 0; q < k; ++q) {
        double left = 0, right = 0;
        for (size_t i = 0; i < rows; ++i) left += found.u(i, p) * found.u(i, q);
        for (size_t j = 0; j < cols; ++j) right += found.vt(p, j) * found.vt(q, j);
        REQUIRE(left == Approx(p == q).margin(1e-12));
        REQUIRE(right == Approx(p == q).margin(1e-12));
      }
    for (size_t p = 1; p < k; ++p) CHECK(found.s[p] <= found.s[p - 1]);
  }
}

TEST_CASE("a matrix with a NaN has no singular values", "[svd]") {
  DoubleMatrix a(2, 2);
  a(0, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(svd(a), "the singular values of a matrix did not converge: is there a NaN in it?");
}
