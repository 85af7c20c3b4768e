// A few tokens times packed integer weights, unpacked in registers: the packed bytes are read once
// for each four tokens. Codes are small integers, exact in bfloat16, so x * code is summed over a
// group and its scale is applied to the float32 sum: nothing but x is rounded.
#pragma once

#include <string>

#include "harness/math/gemm.h"
#include "harness/ops/int_group.h"

namespace evalharness {

// "avx2 in place"; empty where `isa` has no such kernel.
std::string int_group_kernel(Isa isa);
// product.x points at input `begin`, a multiple of 32; product.add is unset.
void multiply_int_group(Isa isa, const IntGroupLinear& weight, size_t panel, size_t begin,
                        const PanelProduct<uint16_t>& product);

}  // namespace evalharness
