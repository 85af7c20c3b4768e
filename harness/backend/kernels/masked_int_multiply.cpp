#include "harness/backend/kernels/masked_int_multiply.h"

#include <algorithm>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/backend/kernels/group_values.h"
#include "harness/backend/scratch.h"
#include "harness/base/error.h"

namespace evalharness {
namespace {

constexpr size_t kBlock = SparseBitmaskIntLinear::kBlock;
constexpr size_t kMostCodes = kBlock * kPanelWidth;

// The codes of the block at `input` as bytes, in place or in this thread's scratch.
const uint8_t* code_bytes(const MaskedInt& kernel, size_t panel, size_t input) {
  struct Bytes;
  const size_t bits = kernel.weight->grids().format().bits;
  const uint8_t* const stored = kernel.weight->codes(panel, input);
  if (bits == 8) return stored;
  uint8_t* const bytes = scratch<uint8_t, Bytes>(kMostCodes + 2 * 64);  // what is written and read beyond
  kernel.codes.unpack(stored, bits, kernel.weight->code_count(panel, input), bytes);
  return bytes;
}

// Four times the zero of each output, as bytes.
[[gnu::always_inline]] inline void zero_lanes(const GroupValues& group, uint32_t* to) {
  for (size_t j = 0; j < kPanelWidth; ++j) to[j] = static_cast<uint32_t>(static_cast<int32_t>(group.zero[j])) * 0x01010101u;
}

// Calls take(input, inputs, group, bytes) for the pieces of blocks and groups of inputs [begin, end); take() returns where
// the codes of its piece end.
template <class Take>
[[gnu::always_inline]] inline void each_piece(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, const Take& take) {
  const StoredGrids& grids = kernel.weight->grids();
  for (size_t block = begin; block < end; block += kBlock) {
    const size_t block_end = std::min(end, block + kBlock);
    const uint8_t* bytes = code_bytes(kernel, panel, block);
    for (size_t k = block; k < block_end;) {
      const size_t group = grids.group_at(k), piece_end = std::min(block_end, grids.group_end(group));
      bytes = take(k, piece_end - k, group, bytes);
      k = piece_end;
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void decode_any(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, T* to) {
  GroupValues group;
  alignas(64) uint32_t zeros[kPanelWidth], lanes[kBlock / kQuad * kPanelWidth];
  size_t loaded = SIZE_MAX;
  each_piece(kernel, panel, begin, end, [&](size_t k, size_t inputs, size_t index, const uint8_t* bytes) __attribute__((always_inline)) {
    if (index != loaded) {
      load_group(kernel.weight->grids(), panel, index, group);
      zero_lanes(group, zeros);
      loaded = index;
    }
    const uint8_t* const after = kernel.codes.expand(kernel.weight->mask(panel, k, inputs), zeros, bytes, lanes);
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

// What a call keeps of its rows.
struct RowSums {
  FixedInputs inputs[kFewTokens];
  alignas(64) int32_t sums[kFewTokens * kPanelWidth];  // of x * code over a piece
};

[[gnu::always_inline]] inline void swap_in_quads(size_t inputs, int16_t* x) {
  for (size_t k = 0; k < inputs; k += kQuad) std::swap(x[k + 1], x[k + 2]);
}

// y += scale * (sum of x * code - zero * sum of x).
[[gnu::always_inline]] inline void add_piece(const GroupValues& group, const RowSums& rows, const PanelProduct<uint16_t>& product) {
  for (size_t r = 0; r < product.rows; ++r) {
    float* const y = product.y + r * product.y_stride;
    const int32_t* const sums = rows.sums + r * kPanelWidth;
    const int32_t x_sum = rows.inputs[r].sum;
    const float x_scale = rows.inputs[r].scale;
    for (size_t j = 0; j < kPanelWidth; ++j)
      y[j] += group.scale[j] * x_scale * static_cast<float>(sums[j] - static_cast<int32_t>(group.zero[j]) * x_sum);
  }
}

[[gnu::always_inline]] inline void multiply_any(const MaskedInt& kernel, size_t panel, size_t begin, const PanelProduct<uint16_t>& product) {
  struct Rows;
  RowSums& rows = *scratch<RowSums, Rows>(1);
  const FixInputs fix = fix_inputs(kernel.isa);
  GroupValues group;
  alignas(64) uint32_t zeros[kPanelWidth], lanes[kBlock / kQuad * kPanelWidth];
  size_t loaded = SIZE_MAX;
  for (size_t r = 0; r < product.rows; ++r) std::fill_n(product.y + r * product.y_stride, kPanelWidth, 0.0f);
  each_piece(kernel, panel, begin, begin + product.k, [&](size_t k, size_t inputs, size_t index, const uint8_t* bytes) __attribute__((always_inline)) {
    if (index != loaded) {
      load_group(kernel.weight->grids(), panel, index, group);
      zero_lanes(group, zeros);
      loaded = index;
    }
    for (size_t r = 0; r < product.rows; ++r) {
      fix(product.x + r * product.x_stride + k - begin, inputs, rows.inputs[r]);
      swap_in_quads(inputs, rows.inputs[r].x);
    }
    std::fill_n(rows.sums, product.rows * kPanelWidth, 0);
    const uint8_t* const after = kernel.codes.expand(kernel.weight->mask(panel, k, inputs), zeros, bytes, lanes);
    kernel.codes.multiply(lanes, inputs / kQuad, {rows.inputs, product.rows}, rows.sums);
    add_piece(group, rows, product);
    return after;
  });
}

void multiply_scalar(const MaskedInt& kernel, size_t panel, size_t begin, const PanelProduct<uint16_t>& product) {
  multiply_any(kernel, panel, begin, product);
}
[[gnu::target("avx2,fma")]] void multiply_avx2(const MaskedInt& kernel, size_t panel, size_t begin, const PanelProduct<uint16_t>& product) {
  multiply_any(kernel, panel, begin, product);
}
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] void multiply_avx512(
    const MaskedInt& kernel, size_t panel, size_t begin, const PanelProduct<uint16_t>& product) {
  multiply_any(kernel, panel, begin, product);
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

void multiply_masked_int(const MaskedInt& kernel, size_t panel, size_t begin, const PanelProduct<uint16_t>& product) {
  EH_ASSERT(!product.add && begin % kBlock == 0 && product.rows <= kFewTokens);
  if (kernel.isa >= Isa::avx512) return multiply_avx512(kernel, panel, begin, product);
  if (kernel.isa == Isa::avx2) return multiply_avx2(kernel, panel, begin, product);
  multiply_scalar(kernel, panel, begin, product);
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
