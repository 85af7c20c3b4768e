// AMX sums the products of tiles: 16 rows of 64 bytes of x, signed, with 16 fours of inputs of 16 outputs, unsigned, which is
// how unpacked codes lie. A block has two tiles of x and two of codes, and four of sums.
#include "harness/backend/kernels/int8_multiply_isa.h"
#include "harness/math/tile_blocks.h"

namespace evalharness::detail {
namespace {

constexpr size_t kTileInputs = kTileRowBytes;
static_assert(kPanelTileBytes == kQuadBytes);
constexpr size_t kSumBytes = kPanelWidth * sizeof(int32_t);  // of a row of y

// The last 32 inputs of an odd number of them, of 32 rows and of a panel, filled up with zeros.
struct HalfTile {
  alignas(64) int8_t x[kBlockRows * kTileInputs];
  alignas(64) uint8_t codes[kTileInputs * kPanelWidth];
};

template <bool kBoth>
void block(const Int8Product& product, const HalfTile& half) {
  const size_t whole = product.k / kTileInputs * kTileInputs;
  for (size_t column = 0; column < kPanelWidth; column += kBlockColumns) {
    product.add ? load_sums<kBoth>(product.y + column, kSumBytes) : zero_sums<kBoth>();
    const uint8_t* const codes = product.panel + column * kQuad;
    for (size_t k = 0; k < whole; k += kTileInputs) add_products<TileProduct::int8, kBoth>(product.x + k, product.x_stride, codes + k * kPanelWidth);
    if (whole < product.k) add_products<TileProduct::int8, kBoth>(half.x, kTileInputs, half.codes + column * kQuad);
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
