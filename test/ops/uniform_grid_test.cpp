// The grids of the originals, by hand. Four bits: codes 0..15.
#include "harness/ops/uniform_grid.h"

#include <catch2/catch.hpp>

#include "harness/ops/int_group.h"

using namespace evalharness;

TEST_CASE("gptq_asymmetric spans the range and moves zero onto a level", "[ops][grid]") {
  // Scale 15 / 15 = 1; -low / scale = 5.
  const UniformGrid grid = UniformGrid::gptq_asymmetric(4, {-5, 10});
  CHECK((grid.scale == 1 && grid.zero == 5));
  CHECK(grid.code(-5) == 0);
  CHECK(grid.code(10) == 15);
  CHECK(grid.code(11) == 15);
  CHECK(grid.round(-4.6f) == -5);
  CHECK(grid.round(0) == 0);
}

TEST_CASE("a half goes to the even code before the zero is added", "[ops][grid]") {
  const UniformGrid grid = UniformGrid::gptq_asymmetric(4, {-5, 10});
  CHECK(grid.round(0.5f) == 0);
  CHECK(grid.round(1.5f) == 2);
  CHECK(grid.round(2.5f) == 2);  // rounding away from zero would give 3
  CHECK(grid.round(-0.5f) == 0);
  CHECK(grid.round(-2.5f) == -2);
}

TEST_CASE("gptq_asymmetric includes zero; a unit of zeros gets the range [-1, 1]", "[ops][grid]") {
  const UniformGrid above = UniformGrid::gptq_asymmetric(4, {15, 30});
  CHECK((above.scale == 2 && above.zero == 0));
  CHECK(above.round(15) == 16);  // 7.5 to even: 8
  const UniformGrid below = UniformGrid::gptq_asymmetric(4, {-30, -15});
  CHECK((below.scale == 2 && below.zero == 15));
  const UniformGrid zeros = UniformGrid::gptq_asymmetric(4, {0, 0});
  CHECK(zeros.scale == Approx(2.0 / 15));
  CHECK(zeros.zero == 7);  // 2 / 15 is rounded up in float32, so 1 / scale is just below 7.5
  CHECK(zeros.round(0) == 0);
}

TEST_CASE("gptq_symmetric: zero is the middle code, and the top value is cut by half a step",
          "[ops][grid]") {
  const UniformGrid grid = UniformGrid::gptq_symmetric(4, {-3, 7.5f});
  CHECK((grid.scale == 1 && grid.zero == 8));
  CHECK(grid.round(7.5f) == 7);  // rne(7.5) = 8 -> code 16, clamped to 15
  CHECK(grid.round(-7.5f) == -8);
  // As the authors' code has it: without negative values the grid is [0, 15] but its zero stays 8.
  const UniformGrid positive = UniformGrid::gptq_symmetric(4, {1, 15});
  CHECK((positive.scale == 1 && positive.zero == 8));
  CHECK(positive.round(15) == 7);
}

TEST_CASE("awq_asymmetric takes the range as found; without zero in it the unit saturates",
          "[ops][grid]") {
  const UniformGrid straddles = UniformGrid::awq_asymmetric(4, {-5, 10});
  CHECK((straddles.scale == 1 && straddles.zero == 5));
  const UniformGrid above = UniformGrid::awq_asymmetric(4, {15, 30});
  CHECK((above.scale == 1 && above.zero == 0));
  CHECK(above.round(30) == 15);
  const UniformGrid below = UniformGrid::awq_asymmetric(4, {-30, -15});
  CHECK((below.scale == 1 && below.zero == 15));
  CHECK(below.round(-30) == -15);
  const UniformGrid constant = UniformGrid::awq_asymmetric(4, {0, 0});
  CHECK(constant.scale == 1e-5f / 15);
}

TEST_CASE("absmax has both ends on a level, and -2^(bits-1) unused", "[ops][grid]") {
  const UniformGrid grid = UniformGrid::absmax(8, {-12.7f, 3});
  CHECK(grid.scale == 12.7f / 127);
  CHECK(grid.code(-12.7f) == 1);
  CHECK(grid.code(12.7f) == 255);
  CHECK(grid.code(0) == 128);
  CHECK(UniformGrid::absmax(8, {0, 0}).round(0) == 0);
}

TEST_CASE("round_to_grid: every group has its own grid, the last may be short", "[ops][grid]") {
  Matrix w(1, 20);
  for (size_t i = 0; i < 16; ++i) w(0, i) = static_cast<float>(i);
  w(0, 16) = -30;
  const QuantisedMatrix q = round_to_grid(w.view(), {.bits = 4, .group = 16, .dtype = Dtype::f32});
  CHECK(q.scales == Matrix(1, 2, {1, 2}));
  CHECK(q.zeros == std::vector<uint8_t>{0, 15});
  CHECK(make_int_group(q, Dtype::f32)->to_dense() == w);
}

TEST_CASE("rounding twice changes nothing, and no value moves by more than half a step",
          "[ops][grid]") {
  Matrix w(8, 96);
  for (size_t i = 0; i < w.size(); ++i)
    w.values()[i] = static_cast<float>((i * 7919) % 1009) / 100 - 4;
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16})
    for (const size_t bits : {2, 3, 4, 5, 6, 7, 8}) {
      const QuantisedMatrix q =
          round_to_grid(w.view(), {.bits = bits, .group = 32, .dtype = dtype});
      const Matrix once = make_int_group(q, dtype)->to_dense();
      bool idempotent = true, near = true;
      for (size_t o = 0; o < w.rows(); ++o)
        for (size_t i = 0; i < w.cols(); ++i) {
          const UniformGrid grid{bits, q.scales(o, i / 32),
                                 static_cast<float>(q.zeros[o * 3 + i / 32])};
          idempotent = idempotent && grid.round(once(o, i)) == once(o, i);
          // The range's ends may lie half a step outside, since zero is rounded to a level: what is inside moves by half a step.
          const float moved = std::abs(once(o, i) - w(o, i)) / grid.scale;
          const bool clamped = q.codes[o * 96 + i] == 0 || q.codes[o * 96 + i] == (1u << bits) - 1;
          near = near && moved <= (clamped ? 1.01f : dtype == Dtype::f32 ? 0.501f : 0.51f + 0.004f * static_cast<float>(1u << bits));
        }
      CHECK(idempotent);
      CHECK(near);
    }
}
