#include "harness/backend/kernels/fixed_inputs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/base/rng.h"
#include "harness/math/aligned.h"
#include "harness/math/bfloat16.h"
#include "harness/ops/int_group.h"
#include "test/support/isas.h"

using namespace evalharness;

namespace {

struct Fixed {
  alignas(32) int16_t x[16];
  float scale;
  int32_t sum;
};

Fixed fixed(Isa isa, std::vector<float> x) {
  x.resize(16);
  std::vector<uint16_t> stored(x.size());
  std::ranges::transform(x, stored.begin(), [](float value) { return to_bfloat16(value); });
  Fixed result;
  const FixedInputs of = fix_inputs(isa)(stored.data(), stored.size(), result.x);
  result.scale = of.scale;
  result.sum = of.sum;
  return result;
}

// Of rows of `depth` random inputs, each stretch again by itself.
void check_stretches(Isa isa, size_t rows, size_t depth, const Stretches& stretches) {
  Rng rng(4, "test.stretches");
  std::vector<uint16_t> x(rows * depth);
  for (uint16_t& value : x) value = to_bfloat16(static_cast<float>(rng.normal()));
  AlignedVector<std::byte> memory(FixedRows::bytes(rows, depth));
  FixedRows::fix(isa, {.x = x.data(), .x_stride = depth, .rows = rows, .k = depth}, stretches, memory.data());
  const FixedRows all(memory.data(), rows, depth);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t k = 0; k < depth;) {
      const size_t count = stretches.end(k, depth) - k;
      CAPTURE(row, k, count);
      alignas(32) int16_t own[kMostFixedInputs];
      const FixedInputs expected = fix_inputs(isa)(x.data() + row * depth + k, count, own), got = all.at(row, k);
      REQUIRE(got.scale == expected.scale);
      REQUIRE(got.sum == expected.sum);
      REQUIRE(std::equal(own, own + count, got.x));
      k += count;
    }
  }
}

}  // namespace

TEST_CASE("inputs become integers under one power of two, the largest with fifteen bits", "[backend]") {
  for (const Isa isa : isas()) {
    // 1.5 becomes 1.5 * 2^14; 2^-15 is half of a step, 3 * 2^-15 one and a half: both to the even one.
    const Fixed some = fixed(isa, {1.5f, -1, 0, 0x1p-6f, 0x1p-15f, 0x3p-15f});
    CHECK(some.scale == 0x1p-14f);
    CHECK(std::vector<int>(some.x, some.x + 7) == std::vector<int>{24576, -16384, 0, 256, 0, 2, 0});
    CHECK(some.sum == 24576 - 16384 + 256 + 2);

    const Fixed large = fixed(isa, {-0x1.fep127f, 0x1p120f});
    CHECK(large.x[0] == -0x7f80);
    CHECK(large.scale == 0x1p113f);
    CHECK(fixed(isa, {}).sum == 0);
    CHECK(fixed(isa, {0x1p-130f}).x[0] == 0);
    CHECK(std::isnan(fixed(isa, {1, std::numeric_limits<float>::infinity()}).scale));
    CHECK(std::isnan(fixed(isa, {std::numeric_limits<float>::quiet_NaN()}).scale));
  }
}

TEST_CASE("inputs within a 64th of the largest keep all their bits", "[backend]") {
  for (const Isa isa : isas()) {
    Rng rng(3, "test.fixed");
    for (int round = 0; round < 200; ++round) {
      std::vector<float> x(16);
      for (float& value : x)
        value = from_bfloat16(to_bfloat16(static_cast<float>(std::exp2(6 * rng.uniform()) * (rng.below(2) == 0 ? 1 : -1))));
      const Fixed result = fixed(isa, x);
      for (size_t i = 0; i < x.size(); ++i) REQUIRE(static_cast<float>(result.x[i]) * result.scale == x[i]);
    }
  }
}

TEST_CASE("a stretch of inputs ends with its group, its part and the most that sums hold", "[backend]") {
  const auto grids = [](size_t in, size_t group) {
    return StoredGrids(nearest_codes(Matrix(1, in).view(), int_group_format("int4.g" + std::to_string(group) + ".bf16")), Dtype::bf16);
  };
  const auto ends = [](const Stretches& stretches, size_t depth) {
    std::vector<size_t> all;
    for (size_t k = 0; k < depth; all.push_back(k)) k = stretches.end(k, depth);
    return all;
  };
  const StoredGrids by_48 = grids(192, 48), by_256 = grids(512, 256);
  CHECK(ends({by_48, 128, SIZE_MAX}, 192) == std::vector<size_t>{48, 96, 144, 192});
  CHECK(ends({by_48, 128, 64}, 192) == std::vector<size_t>{48, 64, 96, 128, 144, 192});
  CHECK(ends({by_256, 128, SIZE_MAX}, 512) == std::vector<size_t>{128, 256, 384, 512});
  CHECK(ends({by_256, 128, 192}, 512) == std::vector<size_t>{128, 192, 256, 384, 512});
  for (const Isa isa : isas()) {
    check_stretches(isa, 3, 192, {by_48, 128, 64});
    check_stretches(isa, 8, 512, {by_256, 64, 192});
  }
}
