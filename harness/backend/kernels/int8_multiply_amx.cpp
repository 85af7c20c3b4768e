// AMX sums the products of tiles: 16 rows of 64 bytes of x, signed, with 16 fours of inputs of 16 outputs, unsigned, which is
// how unpacked codes lie. A block has two tiles of x and two of codes, and four of sums.
#include "harness/backend/kernels/int8_multiply_isa.h"
#include "harness/math/tile_blocks.h"

namespace evalharness::detail {
namespace {

constexpr size_t kTileInputs = kTileRowBytes;
constexpr size_t kSumBytes = kPanelWidth * sizeof(int32_t);  // of a row of y

// The last 32 inputs of an odd number of them, of 32 rows and of a panel, filled up with zeros.
struct HalfTile {
  alignas(64) int8_t x[kBlockRows * kTileInputs];
  alignas(64) uint8_t codes[kTileInputs * kPanelWidth];
};

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
    product.add ? load_sums<kBoth>(product.y + column, kSumBytes) : zero_sums<kBoth>();
    const uint8_t* const codes = product.panel + column * kQuad;
    for (size_t k = 0; k < whole; k += kTileInputs) add_products<kBoth>(product.x + k, product.x_stride, codes + k * kPanelWidth);
    if (whole < product.k) add_products<kBoth>(half.x, kTileInputs, half.codes + column * kQuad);
    store_sums<kBoth>(product.y + column, kSumBytes);
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
    if (product.rows != configured) configure_block(configured = product.rows);
    for (size_t r = 0; left > 0 && r < product.rows; ++r)
      std::memcpy(half.x + r * kTileInputs, product.x + r * product.x_stride + whole, left);
    product.rows > kTileRows ? block<true>(product, half) : block<false>(product, half);
  });
}

}  // namespace evalharness::detail
