#include "harness/ops/sparse_bitmask_int.h"

#include <catch2/catch.hpp>

#include "harness/base/rng.h"
#include "harness/ops/int_group.h"
#include "harness/ops/tensor_io.h"
#include "test/support/stored.h"

using namespace evalharness;

namespace {

// About half of the codes are those of 0.
QuantisedMatrix half_zero_codes(size_t bits, size_t group, size_t out, size_t in) {
  Rng rng(bits * 1000 + group, "test.codes");
  QuantisedMatrix q{.bits = bits, .group = group, .out = out, .in = in, .codes = {}, .scales = {}, .zeros = {}};
  q.scales = Matrix(out, q.groups());
  for (float& scale : q.scales.values()) scale = stored_scale(static_cast<float>(rng.uniform()) + 0.1f, Dtype::bf16);
  for (size_t i = 0; i < q.scales.size(); ++i) q.zeros.push_back(static_cast<uint8_t>(rng.below(1u << bits)));
  for (size_t i = 0; i < out * in; ++i) {
    const uint8_t zero = q.zero(i / in, group == 0 ? 0 : i % in / group);
    q.codes.push_back(rng.below(2) == 0 ? zero : static_cast<uint8_t>(rng.below(1u << bits)));
  }
  return q;
}

}  // namespace

TEST_CASE("sparse.bitmask.int4: four inputs of an output share a nibble of the mask, codes follow as the bits of a word", "[ops]") {
  // Two outputs of five inputs, zeros 1 and 2, scale 0.5.
  const QuantisedMatrix q{.bits = 4,
                          .group = 0,
                          .out = 2,
                          .in = 5,
                          .codes = {3, 1, 1, 7, 1, 2, 2, 2, 9, 10},
                          .scales = Matrix(2, 1, {0.5f, 0.5f}),
                          .zeros = {1, 2}};
  const LinearPtr op = make_sparse_bitmask_int(q, Dtype::bf16);
  CHECK(op->format() == "sparse.bitmask.int4.row.bf16");
  CHECK(op->to_dense() == Matrix(2, 5, {1, 0, 0, 3, 0, 0, 0, 0, 3.5f, 4}));
  const auto mask = stored<uint64_t>(*op, "mask");
  REQUIRE(mask.size() == 32);         // inputs, padded
  CHECK(mask[0] == 0b1000'1001);      // inputs 0 and 3 of output 0, input 3 of output 1
  CHECK(mask[1] == 0);                // outputs 16 to 31
  CHECK(mask[4] == 0b0001'0000);      // input 4 of output 1
  const auto codes = stored<uint8_t>(*op, "codes");
  REQUIRE(codes.size() == 3 + 64);    // and 64 bytes of zeros
  CHECK((codes[0] == 0x73 && codes[1] == 0x09));
  CHECK(codes[2] == 0x0a);            // of the fifth word
  CHECK(stored<uint64_t>(*op, "starts") == std::vector<uint64_t>{0});
  CHECK(op->nonzeros() == 4);
}

TEST_CASE("what is stored under a bitmask stands for what all codes stand for", "[ops]") {
  for (const size_t bits : {2, 3, 4, 5, 6, 7, 8})
    for (const size_t group : {0, 16, 48, 128}) {
      CAPTURE(bits, group);
      const QuantisedMatrix q = half_zero_codes(bits, group, 130, 200);
      CHECK(make_sparse_bitmask_int(q, Dtype::bf16)->to_dense() == make_int_group(q, Dtype::bf16)->to_dense());
    }
}

TEST_CASE("half of the weights in four bits take three bits a weight and their group's scale", "[ops]") {
  QuantisedMatrix q = half_zero_codes(4, 64, 128, 1024);
  for (size_t i = 0; i < q.codes.size(); ++i)
    q.codes[i] = static_cast<uint8_t>((q.zero(i / 1024, i % 1024 / 64) + i % 2) % 16);
  const LinearPtr op = make_sparse_bitmask_int(q, Dtype::bf16);
  const double bits = 1 + 0.5 * 4 + (16 + 4) / 64.0 + 1 / 64.0;
  CHECK(8 * (static_cast<double>(op->bytes()) - 64) == bits * 128 * 1024);
}

TEST_CASE("a bitmask of integers whose parts do not fit each other is refused", "[ops]") {
  const LinearPtr op = make_sparse_bitmask_int(half_zero_codes(4, 64, 64, 64), Dtype::bf16);
  MemoryTensors parts;
  op->save(parts);
  const auto load_with = [&](const std::string& part, const StoredTensor& tensor) {
    MemoryTensors changed;
    for (const auto& [name, stored] : parts.parts()) changed.put(name, name == part ? tensor : stored);
    return load_linear(op->format(), 64, 64, changed);
  };
  const std::vector<uint64_t> wrong = {8}, all_ones(64, ~uint64_t{0});
  CHECK_THROWS_WITH(load_with("starts", {"U64", {1, 1}, std::as_bytes(std::span(wrong))}),
                    "sparse.bitmask.int4.g64.bf16 [64, 64]: part 'starts': does not count the bits of part 'mask'");
  const size_t bytes = parts.parts().at("codes").bytes.size();
  CHECK_THROWS_WITH(load_with("mask", {"U64", {1, 64}, std::as_bytes(std::span(all_ones))}),
                    "sparse.bitmask.int4.g64.bf16 [64, 64]: part 'codes': expected 2112 bytes, got " + std::to_string(bytes));
  CHECK_THROWS_WITH(load_linear("sparse.bitmask.int4.64.bf16", 1, 1, {}),
                    "unknown weight format 'int4.64.bf16': expected a name like int4.g128.bf16 or int8.row.sym.bf16");
}
