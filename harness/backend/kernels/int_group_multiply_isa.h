// Kernels behind multiply_int_group, one source file an instruction set.
#pragma once

#include <span>

#include "harness/backend/kernels/int_group_multiply.h"

namespace evalharness::detail {

using IntGroupKernel = void (*)(const IntGroupLinear& weight, size_t panel, size_t begin, const FixedRows& x, size_t first_row,
                                const PanelProduct<uint16_t>& product);
// Kernel i takes a pass of 2^i rows, of x those from first_row on: each is code for every width of a code, which takes its time to compile. `bits` 2..8.
std::span<const IntGroupKernel> int_group_kernels_avx2(size_t bits);
std::span<const IntGroupKernel> int_group_kernels_vnni(size_t bits);

}  // namespace evalharness::detail
