// The kernels of codes under a mask, on every instruction set, against the plain ones.
#include "harness/backend/kernels/masked_codes.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "harness/base/rng.h"
#include "harness/math/aligned.h"
#include "harness/math/gemm.h"
#include "harness/ops/sparse_bitmask_int.h"
#include "test/support/isas.h"

using namespace evalharness;

namespace {

constexpr size_t kIn = 64;

// Words of all shares of ones: inputs of output 0 are all kept, none of output 1, of the others more from output to output. Scales are 1.
LinearPtr masked_weight(size_t bits, size_t group, bool symmetric) {
  Rng rng(bits, "test.masked");
  QuantisedMatrix q{.bits = bits, .group = group, .out = kPanelWidth, .in = kIn, .codes = {}, .scales = {}, .zeros = {}};
  q.scales = Matrix(q.out, q.groups());
  std::ranges::fill(q.scales.values(), 1.0f);
  const uint64_t codes = uint64_t{1} << bits;
  for (size_t i = 0; i < q.scales.size() && !symmetric; ++i) q.zeros.push_back(static_cast<uint8_t>(rng.below(codes)));
  for (size_t o = 0; o < q.out; ++o)
    for (size_t i = 0; i < kIn; ++i) {
      const uint8_t zero = q.zero(o, i / q.group);
      const bool kept = o == 0 || (o > 1 && rng.below(kPanelWidth) < o);
      q.codes.push_back(!kept ? zero : o == 0 ? static_cast<uint8_t>(zero == codes - 1 ? 0 : codes - 1) : static_cast<uint8_t>(rng.below(codes)));
    }
  return make_sparse_bitmask_int(q, Dtype::bf16);
}

// As large as they become, of either sign, and any.
struct SomeRows {
  explicit SomeRows(size_t inputs) : x(kFewTokens * kMostMaskedInputs) {
    constexpr int32_t kLargest = 32640;
    Rng rng(0, "test.masked inputs");
    for (size_t r = 0; r < kFewTokens; ++r) {
      int16_t* const own = x.data() + r * kMostMaskedInputs;
      int32_t sum = 0;
      for (size_t k = 0; k < inputs; ++k) {
        const int32_t any = static_cast<int32_t>(rng.below(2 * kLargest + 1)) - kLargest;
        own[k] = static_cast<int16_t>(r == 0 ? kLargest : r == 1 ? -kLargest : any);
        sum += own[k];
      }
      rows.push_back({own, 1, sum});
    }
  }
  AlignedVector<int16_t> x;
  std::vector<FixedInputs> rows;
};

void check_products(const SparseBitmaskIntLinear& weight, Isa isa, size_t rows) {
  constexpr size_t kStride = kPanelWidth + 16;
  const StoredGrids& grids = weight.grids();
  const MaskedCodes kernels = masked_codes(isa, grids.format().bits), plain = masked_codes(Isa::scalar, grids.format().bits);
  const uint8_t* codes = weight.codes(0, 0);
  for (size_t group = 0, k = 0; group < grids.groups(); k = grids.group_end(group++)) {
    const size_t inputs = grids.group_end(group) - k;
    const SomeRows x(inputs);
    const MaskedPiece piece{weight.mask(0, k, inputs), codes, grids, 0, group};
    std::vector<float> y(rows * kStride), expected(rows * kStride);
    codes = plain.multiply(piece, {x.rows.data(), rows}, expected.data(), kStride);
    REQUIRE(kernels.multiply(piece, {x.rows.data(), rows}, y.data(), kStride) == codes);
    REQUIRE(y == expected);
  }
}

}  // namespace

TEST_CASE("codes under a mask come to the same places on every instruction set", "[backend]") {
  alignas(64) uint32_t zeros[kPanelWidth], expected[kIn / kQuad * kPanelWidth], lanes[kIn / kQuad * kPanelWidth];
  for (size_t j = 0; j < kPanelWidth; ++j) zeros[j] = static_cast<uint32_t>(j) * 0x01010101u;
  for (const size_t bits : {2, 3, 4, 5, 6, 7, 8}) {
    const LinearPtr op = masked_weight(bits, 16, false);
    const auto& weight = dynamic_cast<const SparseBitmaskIntLinear&>(*op);
    const uint8_t* const codes = weight.codes(0, 0);
    for (const size_t inputs : {16, 32, 48, 64}) {
      const uint8_t* const end = masked_codes(Isa::scalar, bits).expand(weight.mask(0, 0, inputs), zeros, codes, bits, expected);
      for (const Isa isa : isas()) {
        const MaskedCodes kernels = masked_codes(isa, bits);
        CAPTURE(kernels.name, bits, inputs);
        REQUIRE(kernels.expand(weight.mask(0, 0, inputs), zeros, codes, bits, lanes) == end);
        REQUIRE(std::equal(lanes, lanes + inputs / kQuad * kPanelWidth, expected));
      }
    }
  }
}

TEST_CASE("products with codes under a mask are the same on every instruction set", "[backend]") {
  for (const size_t bits : {2, 3, 4, 5, 6, 7, 8})
    for (const size_t group : {16, 48, 64})
      for (const bool symmetric : {false, true}) {
        const LinearPtr op = masked_weight(bits, group, symmetric);
        for (const Isa isa : isas())
          for (size_t rows = 1; rows <= kFewTokens; ++rows) {
            CAPTURE(isa_name(isa), bits, group, symmetric, rows);
            check_products(dynamic_cast<const SparseBitmaskIntLinear&>(*op), isa, rows);
          }
      }
}
