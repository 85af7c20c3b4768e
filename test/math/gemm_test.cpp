#include "harness/math/gemm.h"

#include <catch2/catch.hpp>

#include "harness/base/rng.h"
#include "harness/math/aligned.h"
#include "harness/math/bfloat16.h"

using namespace evalharness;

namespace {

constexpr Isa kIsas[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx};

// Small integers: exact in bfloat16, and so are their sums in float32, in any order.
Matrix integers(size_t rows, size_t cols, uint64_t seed) {
  Rng rng(seed, "test.gemm");
  Matrix m(rows, cols);
  for (float& value : m.values()) value = static_cast<float>(rng.below(9)) - 4;
  return m;
}

template <class T>
T stored(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    return to_bfloat16(value);
  }
}

template <class T>
AlignedVector<T> rows_of(const Matrix& m) {
  AlignedVector<T> values;
  for (const float value : m.values()) values.push_back(stored<T>(value));
  return values;
}

// w [64, k] as one panel.
template <class T>
AlignedVector<T> panel_of(const Matrix& w) {
  constexpr size_t kPair = sizeof(float) / sizeof(T);
  AlignedVector<T> panel(w.size());
  for (size_t o = 0; o < w.rows(); ++o) {
    for (size_t k = 0; k < w.cols(); ++k) {
      panel[(k / kPair * kPanelWidth + o) * kPair + k % kPair] = stored<T>(w(o, k));
    }
  }
  return panel;
}

template <class T, class Multiply>
void check_product(size_t rows, size_t k, const Multiply& multiply) {
  const Matrix x = integers(rows, k, rows), w = integers(kPanelWidth, k, 77);
  Matrix expected(rows, kPanelWidth);
  multiply_naive(x.view(), w.view(), expected.view());
  const AlignedVector<T> x_values = rows_of<T>(x), panel = panel_of<T>(w);
  Matrix y(rows, kPanelWidth + 3);  // three columns that must stay as they are
  for (float& value : y.values()) value = -1;
  multiply(PanelProduct<T>{.x = x_values.data(),
                           .x_stride = k,
                           .rows = rows,
                           .k = k,
                           .panel = panel.data(),
                           .y = y.values().data(),
                           .y_stride = y.cols(),
                           .add = false});
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < kPanelWidth; ++j) REQUIRE(y(i, j) == expected(i, j));
    for (size_t j = kPanelWidth; j < y.cols(); ++j) REQUIRE(y(i, j) == -1);
  }
}

}  // namespace

TEST_CASE("the naive product: two rows by three columns", "[math]") {
  const Matrix x(2, 2, {1, 2, 3, 4}), w(3, 2, {1, 0, 0, 1, 1, 1});
  Matrix y(2, 3);
  multiply_naive(x.view(), w.view(), y.view());
  CHECK(y == Matrix(2, 3, {1, 2, 3, 3, 4, 7}));
}

TEST_CASE("a few rows by a panel are exact on integers, on every instruction set", "[math]") {
  for (const Isa isa : kIsas) {
    if (!has_isa(isa)) continue;
    INFO(isa_name(isa));
    for (const size_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 13}) {
      for (const size_t k : {32, 96, 576}) {
        check_product<float>(rows, k, [&](const auto& p) { multiply_in_registers(isa, p); });
        check_product<uint16_t>(rows, k, [&](const auto& p) { multiply_in_registers(isa, p); });
      }
    }
  }
}

TEST_CASE("a streamed panel gives the bytes that its rows give alone, for any number of rows", "[math]") {
  for (const Isa isa : kIsas) {
    if (!has_isa(isa)) continue;
    INFO(isa_name(isa));
    const auto check = [&](auto type) {
      using T = decltype(type);
      for (const size_t k : {32, 96, 160, 288}) {
        // Values whose sums depend on their order.
        Rng rng(k, "test.gemm.streamed");
        Matrix x(37, k), w(kPanelWidth, k);
        for (Matrix* const m : {&x, &w})
          for (float& value : m->values()) value = static_cast<float>(rng.normal());
        const AlignedVector<T> x_values = rows_of<T>(x), panel = panel_of<T>(w);
        const auto multiply = [&](size_t first, size_t rows) {
          Matrix y(rows, kPanelWidth);
          PanelProduct<T> product{.x = x_values.data() + first * k, .x_stride = k, .rows = rows, .k = k, .panel = panel.data(), .y = y.values().data()};
          product.y_stride = kPanelWidth;
          product.streamed = true;
          AlignedVector<float> turned(rows * k);
          if (reads_turned_rows(isa, rows)) {
            turn_rows(product, turned.data());
            product.turned = turned.data();
          }
          multiply_in_registers(isa, product);
          return y;
        };
        for (const size_t rows : {1, 4, 5, 8, 11, 12, 37}) {
          const Matrix together = multiply(0, rows);
          for (size_t i = 0; i < rows; ++i) {
            const Matrix alone = multiply(i, 1);
            REQUIRE(std::ranges::equal(alone.row(0), together.row(i)));
          }
        }
      }
    };
    check(float{});
    check(uint16_t{});
  }
}

TEST_CASE("a few rows are added to what is there where asked", "[math]") {
  const AlignedVector<float> x(16, 1), panel(16 * kPanelWidth, 2);
  for (const Isa isa : kIsas) {
    if (!has_isa(isa)) continue;
    INFO(isa_name(isa));
    std::vector<float> y(kPanelWidth, 100);
    multiply_in_registers(isa,
                      PanelProduct<float>{x.data(), 16, 1, 16, panel.data(), y.data(), 64, true});
    CHECK(y == std::vector<float>(kPanelWidth, 132));
  }
}

TEST_CASE("many rows by a panel are exact on integers, in every library", "[math]") {
  const Isa isa = best_isa();
  for (const GemmLibrary library :
       {GemmLibrary::fastest, GemmLibrary::onednn, GemmLibrary::openblas}) {
    for (const size_t rows : {1, 8, 9, 33, 128, 300}) {
      for (const size_t k : {32, 576}) {
        check_product<float>(rows, k, [&](const auto& p) { multiply_rows(library, isa, p); });
        if (!multiplies_bfloat16(library, isa)) continue;
        check_product<uint16_t>(rows, k, [&](const auto& p) { multiply_rows(library, isa, p); });
      }
    }
  }
}
