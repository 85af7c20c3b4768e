// The tiles of AMX. Everything that touches them is assembly: g++ 12 drops stores to a configuration around its own
// _tile_loadconfig, and knows nothing of what lives in a tile.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evalharness {

inline constexpr size_t kTileRows = 16, kTileRowBytes = 64, kTiles = 8;

// The operand of ldtilecfg: whole tiles, until rows are taken away.
struct alignas(64) TileConfig {
  TileConfig() {
    for (size_t i = 0; i < kTiles; ++i) {
      row_bytes[i] = kTileRowBytes;
      rows[i] = kTileRows;
    }
  }
  // All tiles become zero. Precondition: amx_types() has some.
  void load() const { asm volatile("ldtilecfg %0" : : "m"(*this) : "memory"); }

  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

// Afterwards the thread has the configuration that it had: a matrix library may have left its own and count on it.
class KeepTileConfig {
 public:
  KeepTileConfig() { asm volatile("sttilecfg %0" : "=m"(before_)); }
  ~KeepTileConfig() { before_.load(); }
  KeepTileConfig(const KeepTileConfig&) = delete;
  KeepTileConfig& operator=(const KeepTileConfig&) = delete;

 private:
  TileConfig before_;
};

}  // namespace evalharness
