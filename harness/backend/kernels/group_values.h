// Loops over the 64 outputs of a panel that every integer format needs, written once and inlined into functions
// compiled for each instruction set. All give the same bytes but for products that are fused with a sum.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "harness/math/float16.h"
#include "harness/math/gemm.h"
#include "harness/ops/stored_grids.h"

namespace evalharness {

struct GroupValues {  // of a panel's group
  alignas(64) float scale[kPanelWidth];
  alignas(64) float zero[kPanelWidth];
};

[[gnu::always_inline]] inline void load_group(const StoredGrids& grids, size_t panel, size_t group, GroupValues& to) {
  const std::byte* const scales = grids.scales(panel, group);
  if (grids.format().dtype == Dtype::f32) {
    std::memcpy(to.scale, scales, sizeof to.scale);
  } else {
    uint16_t halves[kPanelWidth];
    std::memcpy(halves, scales, sizeof halves);
    for (size_t j = 0; j < kPanelWidth; ++j) to.scale[j] = from_positive_float16(halves[j]);
  }
  const uint8_t* const zeros = grids.zeros(panel, group);
  const size_t bits = grids.format().bits;
  if (zeros == nullptr) {
    for (float& zero : to.zero) zero = static_cast<float>(1 << (bits - 1));
  } else if (bits > 4) {
    for (size_t j = 0; j < kPanelWidth; ++j) to.zero[j] = static_cast<float>(zeros[j]);
  } else {
    for (size_t j = 0; j < kPanelWidth / 2; ++j) {
      to.zero[j] = static_cast<float>(zeros[j] & 15);
      to.zero[j + kPanelWidth / 2] = static_cast<float>(zeros[j] >> 4);
    }
  }
}

[[gnu::always_inline]] inline uint32_t rounded_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return bits + 0x7fffu + (bits >> 16 & 1u);
}

// Two neighbouring inputs of an output, in panel order.
[[gnu::always_inline]] inline void store_pair(float even, float odd, size_t lane, float* to) {
  to[lane] = even;
  to[kPanelWidth + lane] = odd;
}
[[gnu::always_inline]] inline void store_pair(float even, float odd, size_t lane, uint16_t* to) {
  const uint32_t pair = rounded_bits(even) >> 16 | (rounded_bits(odd) & 0xffff0000u);
  std::memcpy(to + 2 * lane, &pair, sizeof pair);
}

}  // namespace evalharness
