// The codes of sparse.bitmask.int*: from a string of bits to bytes, and from bytes to their places under the mask
// (harness/ops/sparse_bitmask_int.h lays both out). A place without a code gets the code that stands for 0, so that
// what follows multiplies all places alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/math/isa.h"

namespace evalharness {

inline constexpr size_t kQuad = 4;  // inputs of an output that lie side by side
struct MaskedCodes {
  // `count` codes of 2..7 bits to a byte each. Reads at most 32 bytes beyond the last code, writes at most 64.
  void (*unpack)(const uint8_t* codes, size_t bits, size_t count, uint8_t* to);
  // lanes[quad][64]: the four codes of an output. `zeros` [64] holds four times an output's zero; returns where
  // the codes of the mask end. Reads at most 64 bytes beyond.
  const uint8_t* (*expand)(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes, uint32_t* lanes);
  // sums[row][64] += inputs * codes of up to kFewTokens rows, whose inputs 1 and 2 of each quad have changed places: a lane
  // masked and a lane shifted are the codes of two pairs.
  void (*multiply)(const uint32_t* lanes, size_t quads, std::span<const FixedInputs> rows, int32_t* sums);
  std::string name;  // "avx2"
};
// The fastest that `isa` and this machine allow.
MaskedCodes masked_codes(Isa isa);

}  // namespace evalharness
