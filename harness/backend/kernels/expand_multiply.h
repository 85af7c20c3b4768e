// A few rows times values that are packed under a mask (see expand.h), without putting the zeros
// back into memory: product.panel is not read, the mask and the packed values stand for it.
#pragma once

#include <cstdint>
#include <span>

#include "harness/math/gemm.h"
#include "harness/ops/linear_op.h"

namespace evalharness {

// Most rows for which values are expanded anew for each six rows, whose sums stay in registers: cheap
// beside so many products. For more rows the values go through the cache once.
inline constexpr size_t kMostExpandedRows = 32;

// Is there a kernel for this type on this instruction set and machine?
bool multiplies_expanded(Isa isa, Dtype dtype);
void multiply_expanded(std::span<const uint64_t> mask, const float* packed,
                       const PanelProduct<float>& product);
void multiply_expanded(std::span<const uint64_t> mask, const uint16_t* packed,
                       const PanelProduct<uint16_t>& product);

}  // namespace evalharness
