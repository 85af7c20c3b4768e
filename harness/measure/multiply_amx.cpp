// The AMX kernels.
#include <array>
#include <cstdint>

#include "harness/math/tiles.h"
#include "harness/measure/multiply_kernels.h"

namespace evalharness {
namespace {

template <class T>
struct alignas(64) Tile {
  T values[kTileRows * kTileRowBytes / sizeof(T)];
};

// The eight tiles, all of them whole, for as long as this lives.
class TilesConfigured {
 public:
  TilesConfigured() { TileConfig().load(); }

 private:
  const KeepTileConfig before_;
};

// Factors into tiles 4 to 7; the accumulators 0 to 3 become zero.
template <class T>
void load_tiles(const Tile<T>& ones) {
  const void* const from = ones.values;
  const size_t stride = kTileRowBytes;
  asm volatile(
      "tileloadd (%0,%1,1), %%tmm4\n\t"
      "tileloadd (%0,%1,1), %%tmm5\n\t"
      "tileloadd (%0,%1,1), %%tmm6\n\t"
      "tileloadd (%0,%1,1), %%tmm7\n\t"
      "tilezero %%tmm0\n\t"
      "tilezero %%tmm1\n\t"
      "tilezero %%tmm2\n\t"
      "tilezero %%tmm3"
      :
      : "r"(from), "r"(stride)
      : "memory");
}

// The sum of the four accumulators.
template <class T>
double sum_of_tiles() {
  std::array<Tile<T>, 4> sums;
  const size_t stride = kTileRowBytes;
  asm volatile(
      "tilestored %%tmm0, (%0,%4,1)\n\t"
      "tilestored %%tmm1, (%1,%4,1)\n\t"
      "tilestored %%tmm2, (%2,%4,1)\n\t"
      "tilestored %%tmm3, (%3,%4,1)"
      :
      : "r"(sums[0].values), "r"(sums[1].values), "r"(sums[2].values), "r"(sums[3].values),
        "r"(stride)
      : "memory");
  double total = 0;
  for (const Tile<T>& tile : sums) {
    for (const T value : tile.values) total += static_cast<double>(value);
  }
  return total;
}

template <class T>
Tile<T> filled(T value) {
  Tile<T> tile;
  for (T& element : tile.values) element = value;
  return tile;
}

// Four independent accumulators: 16 cycles each cover the latency of 52.
double bf16_amx(size_t iterations) {
  const Tile<uint16_t> ones = filled<uint16_t>(0x3f80);
  const TilesConfigured tiles;
  load_tiles(ones);
  for (size_t i = 0; i < iterations; ++i) {
    asm volatile(
        "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\t"
        "tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
        "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\t"
        "tdpbf16ps %%tmm7, %%tmm5, %%tmm3"
        :);
  }
  return sum_of_tiles<float>();
}

double int8_amx(size_t iterations) {
  const Tile<int8_t> ones = filled<int8_t>(1);
  const TilesConfigured tiles;
  load_tiles(ones);
  for (size_t i = 0; i < iterations; ++i) {
    asm volatile(
        "tdpbusd %%tmm6, %%tmm4, %%tmm0\n\t"
        "tdpbusd %%tmm7, %%tmm4, %%tmm1\n\t"
        "tdpbusd %%tmm6, %%tmm5, %%tmm2\n\t"
        "tdpbusd %%tmm7, %%tmm5, %%tmm3"
        :);
  }
  return sum_of_tiles<int32_t>();
}

// One tile instruction multiplies [16, k] by [k, 16]; an iteration has four.
double flops(size_t k) { return 4.0 * 2.0 * 16.0 * 16.0 * static_cast<double>(k); }

}  // namespace

MultiplyKernel amx_bf16_kernel() { return {"bf16", "amx", flops(32), bf16_amx}; }
MultiplyKernel amx_int8_kernel() { return {"int8", "amx", flops(64), int8_amx}; }

}  // namespace evalharness
