#include <catch2/catch.hpp>
#include <cstring>

#include "harness/ops/linear_op.h"
#include "harness/ops/tensor_io.h"
#include "test/support/stored.h"

using namespace evalharness;

namespace {

template <class T>
std::vector<T> first(const std::vector<T>& values, size_t count) {
  return {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count)};
}

Matrix every_other_zero(size_t rows, size_t cols) {
  Matrix w(rows, cols);
  for (size_t i = 0; i < w.size(); i += 2) w.values()[i] = 1;
  return w;
}

}  // namespace

TEST_CASE("sparse.bitmask.f32: a word of 64 bits an input, then the non-zeros", "[ops]") {
  const LinearPtr op = make_sparse_bitmask(Matrix(3, 2, {1, 0, 0, 2, 3, 4}).view(), Dtype::f32);
  MemoryTensors parts;
  op->save(parts);
  const auto mask = stored<uint64_t>(parts, "mask");
  REQUIRE(mask.size() == 16);  // inputs, padded
  CHECK(mask[0] == 0b101);     // outputs 0 and 2 read input 0
  CHECK(mask[1] == 0b110);
  CHECK(mask[2] == 0);
  const auto values = stored<float>(parts, "values");
  CHECK(values.size() == 4 + 16);  // and 64 bytes of zeros
  CHECK(first(values, 5) == std::vector<float>{1, 3, 2, 4, 0});
  CHECK(stored<uint64_t>(parts, "starts") == std::vector<uint64_t>{0});
  CHECK(op->nonzeros() == 4);
  CHECK(op->bytes() == 16 * 8 + 8 + 20 * 4);
}

TEST_CASE("sparse.bitmask.bf16: two inputs of an output are neighbours in the mask", "[ops]") {
  const LinearPtr op =
      make_sparse_bitmask(Matrix(2, 3, {1, 2, 0, 0, 0.5f, -1}).view(), Dtype::bf16);
  MemoryTensors parts;
  op->save(parts);
  const auto mask = stored<uint64_t>(parts, "mask");
  REQUIRE(mask.size() == 32);
  CHECK(mask[0] == 0b1011);  // output 0: inputs 0 and 1; output 1: input 1
  CHECK(mask[1] == 0);       // outputs 32 to 63
  CHECK(mask[2] == 0b0100);  // output 1: input 2
  CHECK(first(stored<uint16_t>(parts, "values"), 5) ==
        std::vector<uint16_t>{0x3f80, 0x4000, 0x3f00, 0xbf80, 0});
}

TEST_CASE("a value that rounds to zero is not stored", "[ops]") {
  const LinearPtr op = make_sparse_bitmask(Matrix(1, 2, {1e-45f, 1}).view(), Dtype::bf16);
  CHECK(op->nonzeros() == 1);
  CHECK(op->to_dense() == Matrix(1, 2, {0, 1}));
}

TEST_CASE("sparse.2:4.bf16: two values and four bits for every four inputs", "[ops]") {
  const LinearPtr op =
      make_sparse_nm(Matrix(1, 12, {0, 1, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0}).view(), 2, 4, Dtype::bf16);
  MemoryTensors parts;
  op->save(parts);
  const auto values = stored<uint16_t>(parts, "values"), none = std::vector<uint16_t>{0, 0};
  // Group 0: 1 and 2. Group 1: its first zero and 4. Group 2: two zeros.
  CHECK(first(values, 2) == std::vector<uint16_t>{0x3f80, 0x4000});
  CHECK(std::vector<uint16_t>(values.begin() + 128, values.begin() + 130) ==
        std::vector<uint16_t>{0, 0x4080});
  CHECK(std::vector<uint16_t>(values.begin() + 256, values.begin() + 258) == none);
  // Places 1 and 3; 0 and 3; 0 and 1; and of the padding 0 and 1.
  CHECK(stored<uint32_t>(parts, "indices")[0] == 0x4444'44cdu);
  CHECK(op->nonzeros() == 3);
}

TEST_CASE("sparse.2:4.bf16 and sparse.4:8.bf16 take 9/16 of the bytes of dense.bf16", "[ops]") {
  const Matrix w = every_other_zero(128, 576);
  const size_t dense = make_dense(w.view(), Dtype::bf16)->bytes();
  CHECK(make_sparse_nm(w.view(), 2, 4, Dtype::bf16)->bytes() == dense / 16 * 9);
  CHECK(make_sparse_nm(w.view(), 4, 8, Dtype::bf16)->bytes() == dense / 16 * 9 + 64);
}

TEST_CASE("sparse.1:4.f32: a group of zeros stores its first zero", "[ops]") {
  const LinearPtr op =
      make_sparse_nm(Matrix(1, 8, {0, 0, 5, 0, 0, 0, 0, 0}).view(), 1, 4, Dtype::f32);
  MemoryTensors parts;
  op->save(parts);
  const auto mask = stored<uint64_t>(parts, "mask");
  REQUIRE(mask.size() == 16);
  CHECK((mask[2] & 1) == 1);
  CHECK((mask[4] & 1) == 1);
  CHECK((mask[0] & 1) == 0);
  CHECK(op->nonzeros() == 1);
  CHECK(op->to_dense() == Matrix(1, 8, {0, 0, 5, 0, 0, 0, 0, 0}));
}

TEST_CASE("a weight that does not fit N:M is refused with its place", "[ops]") {
  const Matrix w(2, 8, {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1});
  CHECK_THROWS_WITH(make_sparse_nm(w.view(), 2, 4, Dtype::bf16),
                    "sparse.2:4: row 1, inputs 4..7: expected at most 2 non-zeros, got 3");
  CHECK_THROWS_WITH(make_sparse_nm(Matrix(1, 6).view(), 2, 4, Dtype::bf16),
                    "sparse.2:4: expected a multiple of 4 inputs, got 6");
  CHECK_THROWS_WITH(make_sparse_nm(Matrix(1, 6).view(), 1, 3, Dtype::f32),
                    "sparse.1:3: expected groups of 2, 4, 8 or 16, got 3");
  CHECK_THROWS_WITH(make_sparse_nm(Matrix(1, 8).view(), 5, 4, Dtype::f32),
                    "sparse.5:4: expected to keep 1..4, got 5");
}

TEST_CASE("a damaged sparse weight is refused with the part's name", "[ops]") {
  MemoryTensors parts, damaged;
  make_sparse_bitmask(Matrix(2, 3, {1, 2, 0, 0, 0.5f, -1}).view(), Dtype::bf16)->save(parts);
  for (const auto& [name, tensor] : parts.parts()) {
    std::vector<std::byte> bytes(tensor.bytes.begin(), tensor.bytes.end());
    if (name == "mask") bytes[0] = std::byte{0xff};  // eight bits where there were three
    damaged.put(name, {tensor.dtype, tensor.shape, bytes});
  }
  CHECK_THROWS_WITH(load_linear("sparse.bitmask.bf16", 2, 3, damaged),
                    "sparse.bitmask.bf16 [2, 3]: part 'values': expected 82 bytes, got 72");
  CHECK_THROWS_WITH(load_linear("sparse.4:8.bf16", 2, 4, parts),
                    "sparse.4:8: expected a multiple of 8 inputs, got 4");
  CHECK_THROWS_WITH(
      load_linear("sparse.some.bf16", 2, 4, parts),
      "unknown weight format 'sparse.some.bf16': expected a name like sparse.2:4.bf16");
}
