#include "harness/backend/kernels/masked_int_multiply.h"

#include <algorithm>

#include "harness/backend/kernels/group_values.h"
#include "harness/backend/scratch.h"
#include "harness/base/error.h"
#include "harness/math/bfloat16.h"

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

// The inputs of one row as float32; returns their sum.
[[gnu::always_inline]] inline float widen_inputs(const uint16_t* x, size_t inputs, float* to) {
  constexpr size_t kParts = 16;  // of the sum: inputs are a multiple of it
  float parts[kParts] = {};
  for (size_t k = 0; k < inputs; k += kParts) {
    for (size_t i = 0; i < kParts; ++i) {
      to[k + i] = from_bfloat16(x[k + i]);
      parts[i] += to[k + i];
    }
  }
  for (size_t half = kParts / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) parts[i] += parts[i + half];
  return parts[0];
}

// What a call keeps of its rows.
struct RowSums {
  alignas(64) float x[kFewTokens * kBlock];
  alignas(64) float sums[kFewTokens * kPanelWidth];  // of x * code over the group
  alignas(64) float panel[kBlock * kPanelWidth];     // codes
  float x_sums[kFewTokens];
};

[[gnu::always_inline]] inline void add_group(const GroupValues& group, const RowSums& rows, const PanelProduct<uint16_t>& product) {
  for (size_t r = 0; r < product.rows; ++r) {
    float* const y = product.y + r * product.y_stride;
    const float* const sums = rows.sums + r * kPanelWidth;
    for (size_t j = 0; j < kPanelWidth; ++j) y[j] += group.scale[j] * (sums[j] - group.zero[j] * rows.x_sums[r]);
  }
}

[[gnu::always_inline]] inline const uint8_t* multiply_row(const MaskedCodes& codes, std::span<const uint64_t> mask,
                                                          const uint32_t* zeros, const uint8_t* bytes, RowSums& rows) {
  for (size_t k = 0; k < mask.size(); k += kQuad)
    for (size_t i = 0; i < kQuad; ++i) rows.x[k + i] *= kQuadScales[i];
  return codes.multiply_row(mask, zeros, bytes, rows.x, rows.sums);
}

[[gnu::always_inline]] inline const uint8_t* multiply_rows_of_panel(const MaskedInt& kernel, std::span<const uint64_t> mask,
                                                                    const uint32_t* zeros, const uint8_t* bytes,
                                                                    size_t count, RowSums& rows) {
  alignas(64) uint32_t lanes[kBlock / kQuad * kPanelWidth];
  const uint8_t* const after = kernel.codes.expand(mask, zeros, bytes, lanes);
  for (size_t k = 0; k < mask.size(); ++k) {
    const uint32_t* const quad = lanes + k / kQuad * kPanelWidth;
    float* const to = rows.panel + k * kPanelWidth;
    for (size_t j = 0; j < kPanelWidth; ++j) to[j] = static_cast<float>(static_cast<int32_t>(quad[j] >> 8 * (k % kQuad) & 0xff));
  }
  multiply_in_registers(kernel.isa, PanelProduct<float>{.x = rows.x,
                                                        .x_stride = kBlock,
                                                        .rows = count,
                                                        .k = mask.size(),
                                                        .panel = rows.panel,
                                                        .y = rows.sums,
                                                        .y_stride = kPanelWidth,
                                                        .add = true});
  return after;
}

[[gnu::always_inline]] inline void multiply_any(const MaskedInt& kernel, size_t panel, size_t begin, const PanelProduct<uint16_t>& product) {
  struct Rows;
  RowSums& rows = *scratch<RowSums, Rows>(1);
  GroupValues group;
  alignas(64) uint32_t zeros[kPanelWidth];
  size_t loaded = SIZE_MAX;
  for (size_t r = 0; r < product.rows; ++r) std::fill_n(product.y + r * product.y_stride, kPanelWidth, 0.0f);
  each_piece(kernel, panel, begin, begin + product.k, [&](size_t k, size_t inputs, size_t index, const uint8_t* bytes) __attribute__((always_inline)) {
    if (index != loaded) {
      if (loaded != SIZE_MAX) add_group(group, rows, product);
      load_group(kernel.weight->grids(), panel, index, group);
      zero_lanes(group, zeros);
      std::fill_n(rows.sums, product.rows * kPanelWidth, 0.0f);
      std::fill_n(rows.x_sums, product.rows, 0.0f);
      loaded = index;
    }
    for (size_t r = 0; r < product.rows; ++r)
      rows.x_sums[r] += widen_inputs(product.x + r * product.x_stride + k - begin, inputs, rows.x + r * kBlock);
    const std::span<const uint64_t> mask = kernel.weight->mask(panel, k, inputs);
    if (product.rows == 1 && kernel.codes.multiply_row != nullptr) return multiply_row(kernel.codes, mask, zeros, bytes, rows);
    return multiply_rows_of_panel(kernel, mask, zeros, bytes, product.rows, rows);
  });
  add_group(group, rows, product);
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
