// The codes of sparse.bitmask.int*: from strings of bits to bytes in their places under the mask (harness/ops/sparse_bitmask_int.h
// lays both out), and products with them. A place without a code gets the code that stands for 0, so that what follows multiplies
// all places alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/math/isa.h"
#include "harness/ops/stored_grids.h"

namespace evalharness {

inline constexpr size_t kQuad = 4;               // inputs of an output that lie side by side
inline constexpr size_t kMostMaskedInputs = 64;  // of a piece

// Inputs of one group of a panel, a multiple of 16.
struct MaskedPiece {
  std::span<const uint64_t> mask;  // a word an input
  const uint8_t* codes;            // as stored; 64 bytes beyond may be read
  const StoredGrids& grids;
  size_t panel, group;
};

struct MaskedCodes {
  // lanes[quad][64]: the four codes of an output. `zeros` [64], 64-byte aligned like `lanes`, holds four times an output's zero; the mask
  // is that of a piece. Returns where its codes end.
  const uint8_t* (*expand)(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes, size_t bits, uint32_t* lanes);
  // y[row][64] += inputs * piece of up to kFewTokens rows that lie y_stride apart; returns as expand does.
  const uint8_t* (*multiply)(const MaskedPiece& piece, std::span<const FixedInputs> rows, float* y, size_t y_stride);
  std::string name;  // "avx2"
};
// The fastest that `isa` and this machine allow for codes of so many bits.
MaskedCodes masked_codes(Isa isa, size_t bits);

}  // namespace evalharness
