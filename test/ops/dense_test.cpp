#include "harness/ops/dense.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "harness/ops/dense_f16.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tensor_io.h"
#include "test/support/stored.h"

using namespace evalharness;

namespace {

}  // namespace

TEST_CASE("dense.f32 lies as panels of 64 outputs, one input after the other", "[ops]") {
  const LinearPtr op = make_dense(Matrix(2, 3, {1, 2, 3, 4, 5, 6}).view(), Dtype::f32);
  const auto values = stored<float>(*op, "weight");
  REQUIRE(values.size() == 16 * 64);  // in is padded to 16, out to 64
  CHECK(op->bytes() == 16 * 64 * 4);
  CHECK(std::vector<float>(values.begin(), values.begin() + 3) == std::vector<float>{1, 4, 0});
  CHECK(std::vector<float>(values.begin() + 64, values.begin() + 67) ==
        std::vector<float>{2, 5, 0});
  CHECK(std::vector<float>(values.begin() + 128, values.begin() + 131) ==
        std::vector<float>{3, 6, 0});
}

TEST_CASE("dense.bf16 lies as panels of 64 outputs, two inputs side by side", "[ops]") {
  const LinearPtr op = make_dense(Matrix(2, 3, {1, 2, -1, 0.5f, 1, 2}).view(), Dtype::bf16);
  const auto values = stored<uint16_t>(*op, "weight");
  REQUIRE(values.size() == 32 * 64);
  // 1 is 3f80, 2 is 4000, -1 is bf80, 0.5 is 3f00.
  CHECK(std::vector<uint16_t>(values.begin(), values.begin() + 5) ==
        std::vector<uint16_t>{0x3f80, 0x4000, 0x3f00, 0x3f80, 0});
  CHECK(std::vector<uint16_t>(values.begin() + 128, values.begin() + 133) ==
        std::vector<uint16_t>{0xbf80, 0, 0x4000, 0, 0});
}

TEST_CASE("dense.bf16 rounds to nearest, ties to even", "[ops]") {
  // 1 + 2^-8 lies between 1 and 1 + 2^-7: the even one is 1. 1 + 3 * 2^-8 goes up to 1 + 2^-6.
  const LinearPtr op = make_dense(Matrix(1, 2, {1 + 0x1p-8f, 1 + 0x3p-8f}).view(), Dtype::bf16);
  CHECK(op->to_dense() == Matrix(1, 2, {1, 1 + 0x1p-6f}));
}

TEST_CASE("dense.f16 lies as dense.f32 does, each weight as a half, and refuses what no half holds", "[ops]") {
  // 1 is 3c00, -2 is c000; 1 + 2^-11 lies between 1 and 1 + 2^-10: the even one is 1. 2^-25 is half the least half: 0.
  const LinearPtr op = make_dense_f16(Matrix(2, 3, {1, -2, 1 + 0x1p-11f, 1 + 0x3p-11f, 0x1p-24f, 0x1p-25f}).view());
  const auto values = stored<uint16_t>(*op, "weight");
  REQUIRE(values.size() == 16 * 64);
  CHECK((values[0] == 0x3c00 && values[1] == 0x3c02 && values[64] == 0xc000 && values[65] == 1));
  CHECK(op->to_dense() == Matrix(2, 3, {1, -2, 1, 1 + 0x1p-9f, 0x1p-24f, 0}));
  CHECK(op->nonzeros() == 5);
  CHECK_THROWS_WITH(make_dense_f16(Matrix(2, 1, {65504, -70000}).view()),
                    "dense.f16 [2, 1]: row 1: expected weights up to 65504, got -70000");
}

TEST_CASE("the cost of a dense weight", "[ops]") {
  Matrix w(64, 32);
  w(3, 4) = 1;
  const Cost cost = make_dense(w.view(), Dtype::bf16)->cost(10);
  CHECK(cost.dense_flops == 2 * 10 * 64 * 32);
  CHECK(cost.executed_flops == 2 * 10 * 64 * 32);
  CHECK(cost.effective_flops == 20);
  CHECK(cost.weight_bytes == 64 * 32 * 2);
  CHECK(cost.activation_bytes == 4 * 10 * (64 + 32));
}

TEST_CASE("loading a weight fails with a line that names what does not fit", "[ops]") {
  MemoryTensors parts;
  CHECK_THROWS_WITH(load_linear("dense.f32", 2, 3, parts), "dense.f32 [2, 3]: no part 'weight'");
  make_dense(Matrix(2, 3).view(), Dtype::f32)->save(parts);
  CHECK_THROWS_WITH(load_linear("dense.f32", 65, 3, parts),
                    "dense.f32 [65, 3]: part 'weight': expected 8192 bytes, got 4096");
  CHECK_THROWS_WITH(load_linear("dense.f32", 0, 3, parts),
                    "weight [0, 3]: expected both sides in 1..2147483647");
  CHECK_THROWS_WITH(load_linear("sense.f32", 2, 3, parts),
                    Catch::StartsWith("unknown weight format 'sense.f32'; there are: dense.bf16"));
}
