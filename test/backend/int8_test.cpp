// The integer kernels of every instruction set against plain sums.
#include <catch2/catch.hpp>

#include "harness/backend/kernels/int8_multiply.h"
#include "harness/base/rng.h"
#include "harness/math/aligned.h"
#include "harness/math/gemm.h"
#include "harness/ops/quantised_input.h"
#include "test/support/isas.h"

using namespace evalharness;

namespace {

// Any codes, but for one output all of them the least, for another the greatest, for a third by turns.
LinearPtr extreme_weight(size_t in) {
  Rng rng(0, "test.int8");
  QuantisedMatrix q;
  q.bits = 8;
  q.out = kPanelWidth;
  q.in = in;
  q.codes.resize(q.out * in);
  q.scales = Matrix(q.out, 1);
  for (uint8_t& code : q.codes) code = static_cast<uint8_t>(rng.below(256));
  for (size_t j = 0; j < in; ++j) {
    q.codes[j] = 0;
    q.codes[in + j] = 255;
    q.codes[2 * in + j] = j % 2 == 0 ? 0 : 255;
  }
  std::ranges::fill(q.scales.values(), 1.0f);
  return make_int_group(q, Dtype::f32);
}

void check_sums(const IntGroupLinear& weight, const Matrix& x, size_t rows, const AlignedVector<int32_t>& y) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < kPanelWidth; ++o) {
      int32_t sum = 0;
      for (size_t j = 0; j < x.cols(); ++j)
        sum += static_cast<int32_t>(x(r, j)) * static_cast<int32_t>(weight.code(o, j));
      REQUIRE(y[r * kPanelWidth + o] == sum);
    }
}

}  // namespace

TEST_CASE("integer kernels give the exact sums on every instruction set", "[backend][int8]") {
  const size_t in = 288, rows = 52;  // of AMX: a whole block of rows and part of one, and half a tile of inputs
  const LinearPtr op = extreme_weight(in);
  const auto& weight = dynamic_cast<const IntGroupLinear&>(*op);
  Rng rng(1, "test.int8");
  // The extremes of both sides among them: sums of two 8-bit products of these overflow 16 bits.
  Matrix x(rows, in);
  for (float& value : x.values()) value = static_cast<float>(rng.below(255)) - 127;
  for (size_t j = 0; j < in; ++j) {
    x(0, j) = 127;
    x(1, j) = -127;
  }
  for (size_t r = 0; r < rows; ++r) x(r, 0) = 127;  // a scale of 1
  for (const Isa isa : isas()) {
    const Int8Kernels& kernels = int8_kernels(isa);
    CAPTURE(kernels.many);
    AlignedVector<uint8_t> codes(in * kPanelWidth);
    AlignedVector<int8_t> integers(rows * in);
    AlignedVector<int32_t> y(rows * kPanelWidth, 7);
    kernels.unpack(weight, 0, 0, in, codes.data());
    for (size_t r = 0; r < rows; ++r) {
      const Int8Token token = kernels.quantise(x.row(r).data(), in, in, 0, integers.data() + r * in);
      REQUIRE(token.scale == 1);
      float sum = 0;
      for (const float value : x.row(r)) sum += value;
      REQUIRE(token.sum == static_cast<int32_t>(sum));
    }
    Int8Product product{.x = integers.data(), .x_stride = in, .rows = rows, .k = 32, .panel = codes.data(), .y = y.data()};
    kernels.multiply(product);
    product.x += 32;
    product.panel += 32 * kPanelWidth;
    product.k = in - 32;
    product.add = true;
    kernels.multiply(product);
    check_sums(weight, x, rows, y);
    // From the packed codes, in registers and in blocks.
    for (const size_t few : {size_t{1}, size_t{7}, rows}) {
      std::ranges::fill(y, 7);
      multiply_int8_few(kernels, weight, 0, 0, {.x = integers.data(), .x_stride = in, .rows = few, .k = in, .y = y.data()});
      check_sums(weight, x, few, y);
    }
  }
}

TEST_CASE("tokens are rounded to the same codes on every instruction set", "[backend][int8]") {
  Rng rng(2, "test.int8");
  std::vector<float> x(100);
  for (float& value : x) value = static_cast<float>(rng.normal());
  x[17] = 0.5f * x[3];
  std::vector<int8_t> expected(x.size());
  // By its own scale, and by one that cuts off what is above 1.27.
  for (const float given : {0.0f, 0.01f}) {
    if (given > 0) quantise_token(x, given, expected);
    const float scale = given > 0 ? given : quantise_token(x, expected);
    for (const Isa isa : isas()) {
      std::vector<int8_t> codes(128, 99);
      const Int8Token token = int8_kernels(isa).quantise(x.data(), x.size(), codes.size(), given, codes.data());
      CHECK(token.scale == scale);
      for (size_t j = 0; j < codes.size(); ++j) {
        // Eights lie in the order 0 4 1 5 2 6 3 7.
        const size_t place = j / 8 * 8 + j % 4 * 2 + j % 8 / 4;
        REQUIRE(codes[place] == (j < x.size() ? expected[j] : 0));
      }
    }
  }
}
