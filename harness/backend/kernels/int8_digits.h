// A few bfloat16 tokens times an "int8.row.sym" weight by integer products. Looking 8-bit codes up as bfloat16 takes two
// tables and two multiplications a code, more than reading it from memory; here a token is two rows of bytes, so that
// codes are multiplied as they are stored.
#pragma once

#include "harness/math/gemm.h"
#include "harness/ops/int_group.h"

namespace evalharness {

bool multiplies_int8_digits(Isa isa, const IntGroupLinear& weight);
// product.x points at input `begin`, a multiple of 32; product.add is unset. x_j is taken as a multiple of
// 2^-15 of the largest |x| of the token's part, an error below that of rounding it to bfloat16 unless it is small itself.
void multiply_int8_digits(const IntGroupLinear& weight, size_t panel, size_t begin, const PanelProduct<uint16_t>& product);

}  // namespace evalharness
