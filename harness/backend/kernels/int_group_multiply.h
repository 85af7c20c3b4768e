// A few tokens times packed integer weights, unpacked in registers: the packed bytes are read once for each four to eight
// tokens. Codes are small integers, so x * code is summed over a group, exactly, as x is a 16-bit integer there (fixed_inputs.h), and its scale is
// applied to that sum.
#pragma once

#include <string>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/math/gemm.h"
#include "harness/ops/int_group.h"

namespace evalharness {

// "avx2 in place", "avx512vnni in place"; empty where `isa` has no such kernel.
std::string int_group_kernel(Isa isa);
// How its inputs are to be cut where products are in parts of `part` inputs.
Stretches int_group_stretches(const IntGroupLinear& weight, size_t part);
// Inputs [begin, begin + product.k), a part; x: all inputs, product.x is not read. `begin` is a multiple of 32; product.add is unset.
void multiply_int_group(Isa isa, const IntGroupLinear& weight, size_t panel, size_t begin, const FixedRows& x,
                        const PanelProduct<uint16_t>& product);

}  // namespace evalharness
