// The codes of sparse.bitmask.int*: from a string of bits to bytes, and from bytes to their places under the mask
// (harness/ops/sparse_bitmask_int.h lays both out). A place without a code gets the code that stands for 0, so that
// what follows multiplies all places alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "harness/math/isa.h"

namespace evalharness {

inline constexpr size_t kQuad = 4;  // inputs of an output that lie side by side
// What the inputs of a quad are multiplied by before multiply_row: a code is cut out where it stands in its lane, as
// code * 2^(8 place), but for the last, which is shifted down: at the top it would be a negative number.
inline constexpr float kQuadScales[kQuad] = {1, 0x1p-8f, 0x1p-16f, 1};
inline constexpr size_t kMostRowInputs = 64;

struct MaskedCodes {
  // `count` codes of 2..7 bits to a byte each. Reads at most 32 bytes beyond the last code, writes at most 64.
  void (*unpack)(const uint8_t* codes, size_t bits, size_t count, uint8_t* to);
  // lanes[quad][64]: the four codes of an output. `zeros` [64] holds four times an output's zero; returns where
  // the codes of the mask end. Reads at most 64 bytes beyond.
  const uint8_t* (*expand)(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes, uint32_t* lanes);
  // sums[64] += x[mask.size()] * codes of one token, up to kMostRowInputs, without lanes in memory. Null where expanding first is all there is.
  const uint8_t* (*multiply_row)(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes,
                                 const float* x, float* sums);
  std::string name;  // "avx2"
};
// The fastest that `isa` and this machine allow.
MaskedCodes masked_codes(Isa isa);

}  // namespace evalharness
