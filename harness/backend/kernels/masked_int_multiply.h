// Products with sparse.bitmask.int*, and its values for those that multiply dense panels. Inputs become 16-bit integers
// (fixed_inputs.h), so that sums of x * code are exact; then x * zero of the group is taken off and its scale applied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/backend/kernels/masked_codes.h"
#include "harness/math/gemm.h"
#include "harness/ops/sparse_bitmask_int.h"

namespace evalharness {

struct MaskedInt {
  const SparseBitmaskIntLinear* weight;
  MaskedCodes codes;
  Isa isa;
};

// How its inputs are to be cut where products are in parts of `part` inputs.
Stretches masked_int_stretches(const MaskedInt& kernel, size_t part);
// Up to kFewTokens rows; x: all their inputs, product.x is not read. `begin` is a multiple of kBlock; product.add is unset. A block of codes is
// expanded into the first-level cache, where all rows meet it.
void multiply_masked_int(const MaskedInt& kernel, size_t panel, size_t begin, const FixedRows& x, const PanelProduct<uint16_t>& product);

// Inputs [begin, end) of a panel as values in panel order: (code - zero) * scale, for uint16_t rounded to bfloat16.
// `begin` is a multiple of kBlock, `end` that or the depth.
template <class T>
void decode_masked_int(const MaskedInt& kernel, size_t panel, size_t begin, size_t end, T* to);

}  // namespace evalharness
