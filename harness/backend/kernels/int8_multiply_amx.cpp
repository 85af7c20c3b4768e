// AMX sums the products of tiles: 16 rows of 64 bytes of x, signed, with 16 fours of inputs of 16 outputs, unsigned, which is
// how unpacked codes lie. A block has two tiles of x and two of codes, and four of sums.
#include "harness/backend/kernels/int8_multiply_isa.h"
#include "harness/math/tiles.h"

namespace evalharness::detail {
namespace {

constexpr size_t kBlockRows = 2 * kTileRows, kBlockColumns = 32, kTileInputs = kTileRowBytes;
constexpr size_t kSumBytes = kPanelWidth * sizeof(int32_t);  // of a row of y

// The last 32 inputs of an odd number of them, of 32 rows and of a panel, filled up with zeros.
struct HalfTile {
  alignas(64) int8_t x[kBlockRows * kTileInputs];
  alignas(64) uint8_t codes[kTileInputs * kPanelWidth];
};

// Rows 0..15 have tiles 0 and 1 for their sums and 4 for x, rows from 16 on have 2, 3 and 5.
void configure(size_t rows) {
  TileConfig config;
  const size_t first = std::min(rows, kTileRows), second = std::max<size_t>(rows - first, 1);  // a tile of no row is a fault
  for (const size_t tile : {0, 1, 4}) config.rows[tile] = static_cast<uint8_t>(first);
  for (const size_t tile : {2, 3, 5}) config.rows[tile] = static_cast<uint8_t>(second);
  config.load();
}

template <bool kBoth>
void load_sums(const int32_t* y) {
  asm volatile("tileloadd (%0,%1,1), %%tmm0\n\ttileloadd 64(%0,%1,1), %%tmm1" : : "r"(y), "r"(kSumBytes) : "memory");
  if (kBoth) {
    const int32_t* const second = y + kTileRows * kPanelWidth;
    asm volatile("tileloadd (%0,%1,1), %%tmm2\n\ttileloadd 64(%0,%1,1), %%tmm3" : : "r"(second), "r"(kSumBytes) : "memory");
  }
}

template <bool kBoth>
void zero_sums() {
  asm volatile("tilezero %%tmm0\n\ttilezero %%tmm1" :);
  if (kBoth) asm volatile("tilezero %%tmm2\n\ttilezero %%tmm3" :);
}

template <bool kBoth>
void store_sums(int32_t* y) {
  asm volatile("tilestored %%tmm0, (%0,%1,1)\n\ttilestored %%tmm1, 64(%0,%1,1)" : : "r"(y), "r"(kSumBytes) : "memory");
  if (kBoth) {
    int32_t* const second = y + kTileRows * kPanelWidth;
    asm volatile("tilestored %%tmm2, (%0,%1,1)\n\ttilestored %%tmm3, 64(%0,%1,1)" : : "r"(second), "r"(kSumBytes) : "memory");
  }
}

// Sums += 64 inputs of x times those of 32 outputs.
template <bool kBoth>
void add_products(const int8_t* x, size_t x_stride, const uint8_t* codes) {
  asm volatile(
      "tileloadd (%2,%3,1), %%tmm6\n\t"
      "tileloadd (%0,%1,1), %%tmm4\n\t"
      "tdpbsud %%tmm6, %%tmm4, %%tmm0\n\t"
      "tileloadd 64(%2,%3,1), %%tmm7\n\t"
      "tdpbsud %%tmm7, %%tmm4, %%tmm1"
      :
      : "r"(x), "r"(x_stride), "r"(codes), "r"(kQuadBytes)
      : "memory");
  if (kBoth) {
    asm volatile(
        "tileloadd (%0,%1,1), %%tmm5\n\t"
        "tdpbsud %%tmm6, %%tmm5, %%tmm2\n\t"
        "tdpbsud %%tmm7, %%tmm5, %%tmm3"
        :
        : "r"(x + kTileRows * x_stride), "r"(x_stride)
        : "memory");
  }
}

template <bool kBoth>
void block(const Int8Product& product, const HalfTile& half) {
  const size_t whole = product.k / kTileInputs * kTileInputs;
  for (size_t column = 0; column < kPanelWidth; column += kBlockColumns) {
    product.add ? load_sums<kBoth>(product.y + column) : zero_sums<kBoth>();
    const uint8_t* const codes = product.panel + column * kQuad;
    for (size_t k = 0; k < whole; k += kTileInputs) add_products<kBoth>(product.x + k, product.x_stride, codes + k * kPanelWidth);
    if (whole < product.k) add_products<kBoth>(half.x, kTileInputs, half.codes + column * kQuad);
    store_sums<kBoth>(product.y + column);
  }
}

}  // namespace

void multiply_int8_amx(const Int8Product& all) {
  const KeepTileConfig before;
  const size_t whole = all.k / kTileInputs * kTileInputs, left = all.k - whole;
  HalfTile half;
  if (left > 0) {
    std::memset(&half, 0, sizeof half);
    std::memcpy(half.codes, all.panel + whole * kPanelWidth, left * kPanelWidth);
  }
  size_t configured = 0;
  in_blocks<kBlockRows>(all, [&](const Int8Product& product) {
    if (product.rows != configured) configure(configured = product.rows);
    for (size_t r = 0; left > 0 && r < product.rows; ++r)
      std::memcpy(half.x + r * kTileInputs, product.x + r * product.x_stride + whole, left);
    product.rows > kTileRows ? block<true>(product, half) : block<false>(product, half);
  });
}

}  // namespace evalharness::detail
