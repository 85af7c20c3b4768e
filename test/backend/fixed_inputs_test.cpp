#include "harness/backend/kernels/fixed_inputs.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/base/rng.h"
#include "harness/math/bfloat16.h"
#include "test/support/isas.h"

using namespace evalharness;

namespace {

FixedInputs fixed(Isa isa, std::vector<float> x) {
  x.resize(16);
  std::vector<uint16_t> stored(x.size());
  std::ranges::transform(x, stored.begin(), [](float value) { return to_bfloat16(value); });
  FixedInputs result;
  fix_inputs(isa)(stored.data(), stored.size(), result);
  return result;
}

}  // namespace

TEST_CASE("inputs become integers under one power of two, the largest with fifteen bits", "[backend]") {
  for (const Isa isa : isas()) {
    // 1.5 becomes 1.5 * 2^14; 2^-15 is half of a step, 3 * 2^-15 one and a half: both to the even one.
    const FixedInputs some = fixed(isa, {1.5f, -1, 0, 0x1p-6f, 0x1p-15f, 0x3p-15f});
    CHECK(some.scale == 0x1p-14f);
    CHECK(std::vector<int>(some.x, some.x + 7) == std::vector<int>{24576, -16384, 0, 256, 0, 2, 0});
    CHECK(some.sum == 24576 - 16384 + 256 + 2);

    const FixedInputs large = fixed(isa, {-0x1.fep127f, 0x1p120f});
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
      const FixedInputs result = fixed(isa, x);
      for (size_t i = 0; i < x.size(); ++i) REQUIRE(static_cast<float>(result.x[i]) * result.scale == x[i]);
    }
  }
}
