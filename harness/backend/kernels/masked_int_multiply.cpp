#include "harness/backend/kernels/masked_int_multiply.h"

#include <algorithm>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/backend/kernels/group_values.h"
#include "harness/backend/kernels/masked_codes_isa.h"
#include "harness/backend/scratch.h"
#include "harness/base/error.h"

namespace evalharness {
namespace {

constexpr size_t kBlock = SparseBitmaskIntLinear::kBlock;
static_assert(kBlock == kMostMaskedInputs);

// Calls take(input, inputs, group, codes) for inputs [begin, end), as many at a time as a piece has; take() returns where their codes end.
template <class Take>
[[gnu::always_inline]] inline void each_piece(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, const Take& take) {
  const Stretches stretches = masked_int_stretches(kernel, SIZE_MAX);
  const uint8_t* codes = kernel.weight->codes(panel, begin);
  for (size_t k = begin; k < end;) {
    const size_t piece_end = stretches.end(k, end);
    codes = take(k, piece_end - k, stretches.grids.group_at(k), codes);
    k = piece_end;
  }
}

template <class T>
[[gnu::always_inline]] inline void decode_any(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, T* to) {
  const StoredGrids& grids = kernel.weight->grids();
  GroupValues group;
  alignas(64) uint32_t zeros[kPanelWidth], lanes[kBlock / kQuad * kPanelWidth];
  size_t loaded = SIZE_MAX;
  each_piece(kernel, panel, begin, end, [&](size_t k, size_t inputs, size_t index, const uint8_t* codes) __attribute__((always_inline)) {
    if (index != loaded) {
      load_group(grids, panel, index, group);
      detail::zero_lanes(group, zeros);
      loaded = index;
    }
    const uint8_t* const after = kernel.codes.expand(kernel.weight->mask(panel, k, inputs), zeros, codes, grids.format().bits, lanes);
    for (size_t i = 0; i < inputs; i += 2, to += 2 * kPanelWidth) {
      const uint32_t* const quad = lanes + i / kQuad * kPanelWidth;
      for (size_t j = 0; j < kPanelWidth; ++j) {
        const uint32_t pair = quad[j] >> 8 * (i % kQuad);
        const auto value = [&](uint32_t code) __attribute__((always_inline)) {
          return (static_cast<float>(static_cast<int32_t>(code & 0xff)) - group.zero[j]) * group.scale[j];
        };
        store_pair(value(pair), value(pair >> 8), j, to);
      }
    }
    return after;
  });
}

template <class T>
void decode_scalar(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, T* to) {
  decode_any(kernel, panel, begin, end, to);
}
template <class T>
[[gnu::target("avx2")]] void decode_avx2(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, T* to) {
  decode_any(kernel, panel, begin, end, to);
}
template <class T>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] void decode_avx512(
    const MaskedInt& kernel, size_t panel, size_t begin, size_t end, T* to) {
  decode_any(kernel, panel, begin, end, to);
}

}  // namespace

Stretches masked_int_stretches(const MaskedInt& kernel, size_t part) { return {kernel.weight->grids(), kMostMaskedInputs, part}; }

void multiply_masked_int(const MaskedInt& kernel, size_t panel, size_t begin, const FixedRows& x, const PanelProduct<uint16_t>& product) {
  EH_ASSERT(!product.add && begin % kBlock == 0 && product.rows <= kFewTokens);
  FixedInputs rows[kFewTokens];
  for (size_t r = 0; r < product.rows; ++r) std::fill_n(product.y + r * product.y_stride, kPanelWidth, 0.0f);
  each_piece(kernel, panel, begin, begin + product.k, [&](size_t k, size_t inputs, size_t group, const uint8_t* codes) {
    for (size_t r = 0; r < product.rows; ++r) rows[r] = x.at(r, k);
    const MaskedPiece piece{kernel.weight->mask(panel, k, inputs), codes, kernel.weight->grids(), panel, group};
    return kernel.codes.multiply(piece, {rows, product.rows}, product.y, product.y_stride);
  });
}

template <class T>
void decode_masked_int(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, T* to) {
  EH_ASSERT(begin % kBlock == 0);
  if (kernel.isa >= Isa::avx512) return decode_avx512(kernel, panel, begin, end, to);
  if (kernel.isa == Isa::avx2) return decode_avx2(kernel, panel, begin, end, to);
  decode_scalar(kernel, panel, begin, end, to);
}
template void decode_masked_int(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, float* to);
template void decode_masked_int(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, uint16_t* to);

}  // namespace evalharness
