// Rows of bfloat16 as 16-bit integers under one power of two for each stretch of inputs (block floating point), so that
// a product with an integer code is one of integers: vpmaddwd does twice the products of a float32 vector, and its sums are exact.
// Inputs within 2^-6 of the largest of their stretch keep all eight bits that bfloat16 has; smaller ones are rounded at 2^-15 of
// that largest, a 64th of what rounding it to bfloat16 may have cost.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/math/isa.h"

namespace evalharness {

// Sums of so many products of an input and a code of 8 bits fit into an int32, beside the product of their zero.
inline constexpr size_t kMostFixedInputs = 128;

struct FixedInputs {  // of a row
  alignas(32) int16_t x[kMostFixedInputs];
  float scale;  // x[i] * scale is the input; NaN where an input is not finite
  int32_t sum;  // of x
};

// `count` inputs, a multiple of 16. All instruction sets give the same.
using FixInputs = void (*)(const uint16_t* x, size_t count, FixedInputs& to);
FixInputs fix_inputs(Isa isa);

}  // namespace evalharness
