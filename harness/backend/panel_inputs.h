// Activations on their way into products with panels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>

#include "harness/backend/scratch.h"
#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/math/bfloat16.h"
#include "harness/math/convert.h"
#include "harness/math/gemm.h"

namespace evalharness {

// Rows of x in the form that a kernel reads: T, and padded with zeros to the depth.
template <class T>
struct PanelInputs {
  const T* data;
  size_t stride;
  const T* row(size_t i) const { return data + i * stride; }
};

inline void to_kernel_type(std::span<const float> x, bool, uint16_t* to) { to_bfloat16(x, to); }
// `rounded`: the weight is bfloat16, so x is rounded even where the product is computed in float32.
inline void to_kernel_type(std::span<const float> x, bool rounded, float* to) {
  if (rounded) {
    round_to_bfloat16(x, to);
  } else {
    std::copy(x.begin(), x.end(), to);
  }
}

// `stride` is the depth, or apart() of it.
template <class T>
PanelInputs<T> panel_inputs(MatrixView x, bool rounded, size_t depth, size_t stride) {
  if constexpr (std::is_same_v<T, float>) {
    // oneDNN 2.6 has no fast kernel for an x whose rows lie apart.
    if (!rounded && x.cols == depth && x.stride == depth && stride == depth) return {x.data, x.stride};
  }
  struct Converted;
  T* const data = scratch<T, Converted>(x.rows * stride);
  const auto one = [&](size_t row) {
    T* const to = data + row * stride;
    to_kernel_type(x.row(row), rounded, to);
    std::fill(to + x.cols, to + depth, T{});
  };
  if (x.rows <= kFewTokens) {
    for (size_t row = 0; row < x.rows; ++row) one(row);
  } else {
    parallel_for(ceil_div(x.rows, kFewTokens), [&](size_t group) {
      const size_t end = std::min(x.rows, (group + 1) * kFewTokens);
      for (size_t row = group * kFewTokens; row < end; ++row) one(row);
    });
  }
  return {data, stride};
}

}  // namespace evalharness
