// A few tokens times packed integer weights, unpacked in registers: the packed bytes are read once for each four to eight
// tokens. Codes are small integers, so x * code is summed over a group, exactly, as x is a 16-bit integer there (fixed_inputs.h), and its scale is
// applied to that sum.
#pragma once

#include <string>

#include "harness/math/gemm.h"
#include "harness/ops/int_group.h"

namespace evalharness {

// "avx2 in place", "avx512vnni in place"; empty where `isa` has no such kernel.
std::string int_group_kernel(Isa isa);
// product.x points at input `begin`, a multiple of 32; product.add is unset.
void multiply_int_group(Isa isa, const IntGroupLinear& weight, size_t panel, size_t begin,
                        const PanelProduct<uint16_t>& product);

}  // namespace evalharness
