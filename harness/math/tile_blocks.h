// A block of AMX tiles: up to 32 rows of x times 32 outputs of a panel. Tiles 0 to 3 hold its sums (rows 0..15: 0 and 1, rows from 16
// on: 2 and 3), 4 and 5 the rows of x, 6 and 7 the panel's. `kBoth`: the block has more than 16 rows.
#pragma once

#include <algorithm>

#include "harness/math/tiles.h"

namespace evalharness {

inline constexpr size_t kBlockRows = 2 * kTileRows, kBlockColumns = 32;

inline void configure_block(size_t rows) {
  TileConfig config;
  const size_t first = std::min(rows, kTileRows), second = std::max<size_t>(rows - first, 1);  // a tile of no row is a fault
  for (const size_t tile : {0, 1, 4}) config.rows[tile] = static_cast<uint8_t>(first);
  for (const size_t tile : {2, 3, 5}) config.rows[tile] = static_cast<uint8_t>(second);
  config.load();
}

// y: [rows, 32] values of 4 bytes, `stride` bytes from row to row.
template <bool kBoth>
void load_sums(const void* y, size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm0\n\ttileloadd 64(%0,%1,1), %%tmm1" : : "r"(y), "r"(stride) : "memory");
  if (kBoth) {
    const void* const second = static_cast<const std::byte*>(y) + kTileRows * stride;
    asm volatile("tileloadd (%0,%1,1), %%tmm2\n\ttileloadd 64(%0,%1,1), %%tmm3" : : "r"(second), "r"(stride) : "memory");
  }
}

template <bool kBoth>
void zero_sums() {
  asm volatile("tilezero %%tmm0\n\ttilezero %%tmm1" :);
  if (kBoth) asm volatile("tilezero %%tmm2\n\ttilezero %%tmm3" :);
}

template <bool kBoth>
void store_sums(void* y, size_t stride) {
  asm volatile("tilestored %%tmm0, (%0,%1,1)\n\ttilestored %%tmm1, 64(%0,%1,1)" : : "r"(y), "r"(stride) : "memory");
  if (kBoth) {
    void* const second = static_cast<std::byte*>(y) + kTileRows * stride;
    asm volatile("tilestored %%tmm2, (%0,%1,1)\n\ttilestored %%tmm3, 64(%0,%1,1)" : : "r"(second), "r"(stride) : "memory");
  }
}

}  // namespace evalharness
