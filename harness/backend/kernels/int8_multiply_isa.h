// Products behind int8_kernels(), one source file an instruction set.
#pragma once

#include <algorithm>
#include <cstring>

#include "harness/backend/kernels/int8_multiply.h"
#include "harness/math/gemm.h"

namespace evalharness::detail {

void multiply_int8_avx2(const Int8Product& product);
void multiply_int8_packed_avx2(const IntGroupLinear& weight, size_t panel, size_t begin, const Int8Product& product);
void multiply_int8_vnni(const Int8Product& product);
void multiply_int8_amx(const Int8Product& product);
void multiply_int8_packed_vnni(const IntGroupLinear& weight, size_t panel, size_t begin, const Int8Product& product);

inline constexpr size_t kQuad = 4;  // neighbouring codes of an output in an unpacked panel
inline constexpr size_t kQuadBytes = kQuad * kPanelWidth;

// Four codes of x, to be broadcast.
[[gnu::always_inline]] inline int32_t quad_at(const int8_t* place) {
  int32_t quad;
  std::memcpy(&quad, place, sizeof quad);
  return quad;
}

// Calls block(rows) with as many rows as registers hold sums for, at most kMost.
template <size_t kMost, class Block>
void in_blocks(Int8Product product, const Block& block) {
  for (size_t left = product.rows; left > 0;) {
    product.rows = std::min(left, kMost);
    block(product);
    product.x += product.rows * product.x_stride;
    product.y += product.rows * kPanelWidth;
    left -= product.rows;
  }
}

}  // namespace evalharness::detail
