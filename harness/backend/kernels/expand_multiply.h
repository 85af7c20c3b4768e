// A few rows times values that are packed under a mask (see expand.h), without putting the zeros
// back into memory: product.panel is not read, the mask and the packed values stand for it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "harness/math/gemm.h"
#include "harness/ops/linear_op.h"

namespace evalharness {

// Most rows for which this is the faster way, 0 where `isa` and this machine have no kernel for the
// type. AVX-512 keeps the sums of six rows in registers and expands anew for each six: cheap beside
// so many products. AVX2 keeps those of one. For more rows the values go through the cache once.
size_t most_expanded_rows(Isa isa, Dtype dtype);
// What multiply_expanded runs for up to most_expanded_rows: "avx2 in registers"; "" where it has none.
std::string expanded_kernel(Isa isa, Dtype dtype);
void multiply_expanded(Isa isa, std::span<const uint64_t> mask, const float* packed,
                       const PanelProduct<float>& product);
void multiply_expanded(Isa isa, std::span<const uint64_t> mask, const uint16_t* packed,
                       const PanelProduct<uint16_t>& product);

}  // namespace evalharness
