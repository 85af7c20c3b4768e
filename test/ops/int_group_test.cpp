#include "harness/ops/int_group.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "harness/base/rng.h"
#include "harness/ops/tensor_io.h"
#include "test/support/stored.h"

using namespace evalharness;

namespace {

// One row with these codes, scale 0.5 and zero 1.
QuantisedMatrix one_row(size_t bits, std::vector<uint8_t> codes) {
  const size_t in = codes.size();
  return {.bits = bits,
          .group = 0,
          .out = 1,
          .in = in,
          .codes = std::move(codes),
          .scales = Matrix(1, 1, {0.5f}),
          .zeros = {1}};
}

double bits_per_weight(const LinearOp& op) {
  return 8.0 * static_cast<double>(op.bytes()) / static_cast<double>(op.out() * op.in());
}

QuantisedMatrix random_codes(size_t bits, size_t group, size_t out, size_t in) {
  Rng rng(bits * 1000 + group, "test.codes");
  QuantisedMatrix q{
      .bits = bits, .group = group, .out = out, .in = in, .codes = {}, .scales = {}, .zeros = {}};
  for (size_t i = 0; i < out * in; ++i)
    q.codes.push_back(static_cast<uint8_t>(rng.below(1u << bits)));
  q.scales = Matrix(out, q.groups());
  for (float& scale : q.scales.values())
    scale = stored_scale(static_cast<float>(rng.uniform()) + 0.1f, Dtype::bf16);
  for (size_t i = 0; i < q.scales.size(); ++i)
    q.zeros.push_back(static_cast<uint8_t>(rng.below(1u << bits)));
  return q;
}

}  // namespace

TEST_CASE("int4: eight inputs of an output share a word, even ones in its lower half", "[ops]") {
  const LinearPtr op = make_int_group(one_row(4, {0xa, 0xb, 0xc, 0xd, 2, 3, 4, 5, 9}), Dtype::bf16);
  CHECK(op->format() == "int4.row.bf16");
  const auto codes = stored<uint32_t>(*op, "codes");
  REQUIRE(codes.size() == 4 * 64);  // in is padded to 32, out to 64
  CHECK(codes[0] == 0x53db'42cau);
  CHECK(codes[64] == 0x1111'1119u);                     // input 8, then padding: the code of zero
  CHECK(codes[1] == 0);                                 // an output of padding
  CHECK(stored<uint16_t>(*op, "scales")[0] == 0x3800);  // 0.5 as a half
  CHECK(stored<uint8_t>(*op, "zeros")[0] == 1);
  CHECK(stored<uint8_t>(*op, "zeros").size() == 32);
  CHECK(op->to_dense() == Matrix(1, 9, {4.5f, 5, 5.5f, 6, 0.5f, 1, 1.5f, 2, 4}));
}

TEST_CASE("int3 is a plane of two bits and a plane of one", "[ops]") {
  const LinearPtr op = make_int_group(one_row(3, {7, 2, 4, 1}), Dtype::f32);
  const auto codes = stored<uint32_t>(*op, "codes");
  REQUIRE(codes.size() == 3 * 64);
  CHECK((codes[0] & 0x000f'000fu) == 0x0006'0003u);    // 7 and 4 -> 3, 0; 2 and 1 -> 2, 1 (times 4)
  CHECK((codes[128] & 0x0003'0003u) == 0x0000'0003u);  // bit 2 of 7 and 4
  CHECK(op->to_dense() == Matrix(1, 4, {3, 0.5f, 1.5f, 0}));
}

TEST_CASE("codes, scales and zeros of every width and group come back as (code - zero) * scale",
          "[ops]") {
  for (const size_t bits : {2, 3, 4, 5, 6, 7, 8})
    for (const size_t group : {0, 16, 48, 128}) {
      CAPTURE(bits, group);
      const QuantisedMatrix q = random_codes(bits, group, 70, 100);
      const Matrix w = make_int_group(q, Dtype::bf16)->to_dense();
      bool equal = true;
      for (size_t o = 0; o < q.out; ++o)
        for (size_t i = 0; i < q.in; ++i) {
          const size_t g = group == 0 ? 0 : i / group;
          const float steps =
              static_cast<float>(int(q.codes[o * q.in + i]) - int(q.zeros[o * q.groups() + g]));
          equal = equal && w(o, i) == steps * q.scales(o, g);
        }
      CHECK(equal);
    }
}

TEST_CASE("bits a weight are bits + (16 + packed zero) / group", "[ops]") {
  const auto of = [](size_t bits, size_t group) {
    return bits_per_weight(*make_int_group(random_codes(bits, group, 128, 1024), Dtype::bf16));
  };
  CHECK(of(4, 128) == 4.15625);
  CHECK(of(3, 128) == 3 + 20.0 / 128);
  CHECK(of(8, 128) == 8.1875);
  CHECK(of(4, 0) == 4 + 20.0 / 1024);
  QuantisedMatrix symmetric = random_codes(8, 0, 128, 1024);
  symmetric.zeros.clear();
  CHECK(bits_per_weight(*make_int_group(symmetric, Dtype::bf16)) == 8 + 16.0 / 1024);
  CHECK(bits_per_weight(*make_int_group(symmetric, Dtype::f32)) == 8 + 32.0 / 1024);
}

TEST_CASE("a scale is stored as a half, never as zero, or as it is", "[ops]") {
  CHECK(stored_scale(1 + 0x1p-11f, Dtype::bf16) == 1);  // half way: to even
  CHECK(stored_scale(1 + 0x3p-11f, Dtype::bf16) == 1 + 0x1p-9f);
  CHECK(stored_scale(1e-12f, Dtype::bf16) == 0x1p-24f);
  CHECK(stored_scale(1e-12f, Dtype::f32) == 1e-12f);
}

TEST_CASE("an integer weight that cannot be stored is refused with its place", "[ops]") {
  CHECK_THROWS_WITH(make_int_group(one_row(4, {1, 16}), Dtype::bf16),
                    "int4 weight [1, 2]: code 1: expected 0..15, got 16");
  CHECK_THROWS_WITH(make_int_group(one_row(9, {1, 1}), Dtype::bf16),
                    "int weight: expected 2..8 bits, got 9");
  QuantisedMatrix q = one_row(4, {1, 1});
  q.scales(0, 0) = 1e6f;
  CHECK_THROWS_WITH(make_int_group(q, Dtype::bf16),
                    "int4 weight [1, 2]: scale of row 0, group 0: expected a positive number that "
                    "the format holds, got 1000000");
  q.group = 24;
  CHECK_THROWS_WITH(
      make_int_group(q, Dtype::bf16),
      "int weight: expected a group of a multiple of 16 inputs or the whole row, got 24");
  CHECK_THROWS_WITH(load_linear("int4.128.bf16", 1, 1, {}),
                    "unknown weight format 'int4.128.bf16': expected a name like int4.g128.bf16 or "
                    "int8.row.sym.bf16");
  CHECK_THROWS_WITH(load_linear("int4.g128.bf16", 1, 1, {}),
                    "int4.g128.bf16 [1, 1]: no part 'codes'");
}
