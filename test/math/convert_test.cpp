#include "harness/math/convert.h"

#include <bit>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "harness/base/rng.h"
#include "harness/math/bfloat16.h"
#include "harness/math/float16.h"

using namespace evalharness;

TEST_CASE("bfloat16 rounds to nearest, ties to even, and keeps infinities and NaNs", "[math]") {
  CHECK(to_bfloat16(1) == 0x3f80);
  CHECK(to_bfloat16(1 + 0x1p-8f) == 0x3f80);  // a tie: down to even
  CHECK(to_bfloat16(1 + 0x3p-8f) == 0x3f82);  // a tie: up to even
  CHECK(to_bfloat16(1 + 0x1.02p-8f) == 0x3f81);
  CHECK(to_bfloat16(std::numeric_limits<float>::max()) == 0x7f80);  // to infinity
  CHECK(to_bfloat16(-std::numeric_limits<float>::infinity()) == 0xff80);
  CHECK(to_bfloat16(std::bit_cast<float>(0x7f800001u)) == 0x7fc0);  // not an infinity
}

TEST_CASE("many values are converted as one by one, whatever their bits", "[math]") {
  Rng rng(1, "test.convert");
  std::vector<float> values(1027);
  for (float& value : values) value = std::bit_cast<float>(static_cast<uint32_t>(rng.next()));
  values[3] = std::bit_cast<float>(0x7f800001u);
  values[900] = std::bit_cast<float>(0xffc12345u);
  std::vector<uint16_t> halves(values.size());
  std::vector<float> rounded(values.size());
  to_bfloat16(values, halves.data());
  round_to_bfloat16(values, rounded.data());
  for (size_t i = 0; i < values.size(); ++i) {
    REQUIRE(halves[i] == to_bfloat16(values[i]));
    REQUIRE(std::bit_cast<uint32_t>(rounded[i]) == uint32_t{halves[i]} << 16);
  }
}

TEST_CASE("many halves are converted as one by one, whatever their bits", "[math]") {
  std::vector<uint16_t> halves(65536 + 3);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> values(halves.size());
  from_float16(halves, values.data());
  for (size_t i = 0; i < halves.size(); ++i)
    REQUIRE(std::bit_cast<uint32_t>(values[i]) == std::bit_cast<uint32_t>(from_float16(halves[i])));

  Rng rng(2, "test.convert");
  for (float& value : values) value = std::bit_cast<float>(static_cast<uint32_t>(rng.next()));
  values[5] = std::bit_cast<float>(0x7f800001u);
  to_float16(values, halves.data());
  for (size_t i = 0; i < halves.size(); ++i) REQUIRE(halves[i] == to_float16(values[i]));
}
