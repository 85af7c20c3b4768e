// Kernels behind masked_codes(), one source file an instruction set.
#pragma once

#include <cstring>

#include "harness/backend/kernels/group_values.h"
#include "harness/backend/kernels/masked_codes.h"
#include "harness/math/ask_ahead.h"
#include "harness/math/gemm.h"

namespace evalharness::detail {

MaskedCodes masked_codes_avx2();
MaskedCodes masked_codes_vbmi2(size_t bits);
bool has_masked_codes_vbmi2();

inline constexpr size_t kWordOutputs = 64 / kQuad;  // of a word of the mask

// For each line of the mask, and of codes about so often: in order, as their number is that of the mask's ones (from places of a page in
// turn some lines were never asked for).
[[gnu::always_inline]] inline void ask(const void* place) { ask_ahead<4096>(place); }

// A quad of bytes or a pair of 16-bit integers, to be broadcast.
[[gnu::always_inline]] inline int word_at(const void* place) {
  int word;
  std::memcpy(&word, place, sizeof word);
  return word;
}

// Four times the zero of each output, as bytes.
[[gnu::always_inline]] inline void zero_lanes(const GroupValues& group, uint32_t* to) {
  for (size_t j = 0; j < kPanelWidth; ++j) to[j] = static_cast<uint32_t>(static_cast<int32_t>(group.zero[j])) * 0x01010101u;
}

// MaskedCodes::multiply of `expand` and of what makes sums[row][64] of expanded lanes and inputs.
template <class Expand, class Products>
[[gnu::always_inline]] inline const uint8_t* multiply_plainly(const Expand& expand, const Products& products, const MaskedPiece& piece,
                                                              std::span<const FixedInputs> rows, float* y, size_t y_stride) {
  GroupValues group;
  alignas(64) uint32_t zeros[kPanelWidth], lanes[kMostMaskedInputs / kQuad * kPanelWidth];
  alignas(64) int32_t sums[kFewTokens * kPanelWidth];
  load_group(piece.grids, piece.panel, piece.group, group);
  zero_lanes(group, zeros);
  const uint8_t* const after = expand(piece.mask, zeros, piece.codes, piece.grids.format().bits, lanes);
  products(lanes, piece.mask.size(), rows, sums);
  // y += scale * (sum of x * code - zero * sum of x).
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t j = 0; j < kPanelWidth; ++j)
      y[r * y_stride + j] += group.scale[j] * rows[r].scale * static_cast<float>(sums[r * kPanelWidth + j] - static_cast<int32_t>(group.zero[j]) * rows[r].sum);
  return after;
}

}  // namespace evalharness::detail
