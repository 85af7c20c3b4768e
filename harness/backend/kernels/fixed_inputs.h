// Rows of bfloat16 as 16-bit integers under one power of two for each stretch of inputs (block floating point), so that
// a product with an integer code is one of integers: vpmaddwd does twice the products of a float32 vector, and its sums are exact.
// Inputs within 2^-6 of the largest of their stretch keep all eight bits that bfloat16 has; smaller ones are rounded at 2^-15 of
// that largest, a 64th of what rounding it to bfloat16 may have cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "harness/math/gemm.h"
#include "harness/math/isa.h"
#include "harness/ops/stored_grids.h"

namespace evalharness {

// Sums of so many products of an input and a code of 8 bits fit into an int32, beside the product of their zero.
inline constexpr size_t kMostFixedInputs = 128;

struct FixedInputs {  // a stretch of a row
  const int16_t* x;
  float scale;  // x[i] * scale is the input; NaN where an input is not finite
  int32_t sum;  // of x
};

// `count` inputs, a multiple of 16, into `to`, 32-byte aligned. All instruction sets give the same.
using FixInputs = FixedInputs (*)(const uint16_t* x, size_t count, int16_t* to);
FixInputs fix_inputs(Isa isa);

// How inputs are cut: a stretch ends with its group, with a part of a product (SIZE_MAX: there is one) and with `most` inputs.
struct Stretches {
  const StoredGrids& grids;
  size_t most, part;

  size_t end(size_t k, size_t depth) const;
};

// All inputs of some rows, fixed for all panels of a weight, in memory of the caller.
class FixedRows {
 public:
  static size_t bytes(size_t rows, size_t depth);
  // `all` has all inputs of its rows; `to` is 64-byte aligned.
  static void fix(Isa isa, const PanelProduct<uint16_t>& all, const Stretches& stretches, std::byte* to);

  FixedRows(const std::byte* fixed, size_t rows, size_t depth);
  // The stretch of a row that begins with input k. At least 64 bytes behind its last input may be read.
  FixedInputs at(size_t row, size_t k) const {
    const size_t place = row * depth_ + k;
    return {x_ + place, factors_[place / kLeast].scale, factors_[place / kLeast].sum};
  }

 private:
  struct Factors {
    float scale;
    int32_t sum;
  };
  static constexpr size_t kLeast = 16, kPadding = 64;  // inputs of a stretch; bytes behind the last

  size_t depth_;
  const int16_t* x_;        // [rows, depth]
  const Factors* factors_;  // [rows, depth / kLeast], in the place of a stretch's first inputs
};

}  // namespace evalharness
