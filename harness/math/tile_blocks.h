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

// What tiles multiply: pairs of bfloat16, or fours of bytes, signed by unsigned.
enum class TileProduct { bf16, int8 };
inline constexpr size_t kPanelTileBytes = 256;  // of a panel, from row to row of its tiles: what 64 outputs have of 4 bytes of x

#define EVALHARNESS_ADD_TILE_PRODUCTS(instruction)                                                                    \
  asm volatile("tileloadd (%2,%3,1), %%tmm6\n\ttileloadd (%0,%1,1), %%tmm4\n\t" instruction " %%tmm6, %%tmm4, %%tmm0\n\t" \
               "tileloadd 64(%2,%3,1), %%tmm7\n\t" instruction " %%tmm7, %%tmm4, %%tmm1"                               \
               : : "r"(x), "r"(x_stride), "r"(panel), "r"(kPanelTileBytes) : "memory");                               \
  if (kBoth)                                                                                                          \
    asm volatile("tileloadd (%0,%1,1), %%tmm5\n\t" instruction " %%tmm6, %%tmm5, %%tmm2\n\t" instruction " %%tmm7, %%tmm5, %%tmm3" \
                 : : "r"(static_cast<const std::byte*>(x) + kTileRows * x_stride), "r"(x_stride) : "memory")

// Sums += 64 bytes of each row of x, `x_stride` bytes from row to row, times those of 32 outputs.
template <TileProduct kProduct, bool kBoth>
void add_products(const void* x, size_t x_stride, const void* panel) {
  if constexpr (kProduct == TileProduct::bf16) {
    EVALHARNESS_ADD_TILE_PRODUCTS("tdpbf16ps");
  } else {
    EVALHARNESS_ADD_TILE_PRODUCTS("tdpbsud");
  }
}
#undef EVALHARNESS_ADD_TILE_PRODUCTS

}  // namespace evalharness
