// AMX: a tile of x is 16 rows of 32 inputs, a tile of the panel 16 pairs of inputs of 16 outputs, as they are stored.
#include "harness/base/integers.h"
#include "harness/math/ask_ahead.h"
#include "harness/math/panel_kernels.h"
#include "harness/math/tile_blocks.h"

namespace evalharness::detail {
namespace {

constexpr size_t kTileInputs = kTileRowBytes / sizeof(uint16_t);
static_assert(kTileInputs == kDepthMultipleBf16);
static_assert(kPanelTileBytes == 2 * kPanelWidth * sizeof(uint16_t));
// Inputs of a part: those of a block's rows and of half a panel stay in the first-level cache, where they are read again.
constexpr size_t kPartInputs = 320;

// product.next is asked for while its products run, an equal share at each step of them.
class Next {
 public:
  explicit Next(const PanelProduct<uint16_t>& product)
      : place_(reinterpret_cast<const char*>(product.next.data())), end_(place_ + product.next.size()) {
    const size_t blocks = ceil_div(product.rows, kBlockRows) * (kPanelWidth / kBlockColumns);
    step_ = kLine * ceil_div(product.next.size(), kLine * blocks * (product.k / kTileInputs));
  }

  void ask() {
    for (const char* const end = std::min(end_, place_ + step_); place_ < end; place_ += kLine) _mm_prefetch(place_, _MM_HINT_T1);
  }

 private:
  static constexpr size_t kLine = 64;
  const char* place_;
  const char* end_;
  size_t step_;  // bytes
};

template <bool kBoth>
void block(const PanelProduct<uint16_t>& product, Next& next) {
  const size_t x_bytes = product.x_stride * sizeof *product.x, y_bytes = product.y_stride * sizeof *product.y;
  for (size_t column = 0; column < kPanelWidth; column += kBlockColumns) {
    float* const y = product.y + column;
    product.add ? load_sums<kBoth>(y, y_bytes) : zero_sums<kBoth>();
    const uint16_t* const panel = product.panel + 2 * column;
    for (size_t k = 0; k < product.k; k += kTileInputs) {
      next.ask();
      add_products<TileProduct::bf16, kBoth>(product.x + k, x_bytes, panel + k * kPanelWidth);
    }
    store_sums<kBoth>(y, y_bytes);
  }
}

// Bytes between the load and the line asked for, where the panel comes from memory.
constexpr size_t kAhead = 8192;

// Up to 16 rows times all 64 outputs, in tiles 0 to 3: the panel streams by once.
void stream(const PanelProduct<uint16_t>& product) {
  const size_t x_bytes = product.x_stride * sizeof *product.x, y_bytes = product.y_stride * sizeof *product.y;
  TileConfig config;
  for (const size_t tile : {0, 1, 2, 3, 4}) config.rows[tile] = static_cast<uint8_t>(product.rows);
  config.load();
  if (product.add)
    asm volatile("tileloadd (%0,%1,1), %%tmm0\n\ttileloadd 64(%0,%1,1), %%tmm1\n\ttileloadd 128(%0,%1,1), %%tmm2\n\ttileloadd 192(%0,%1,1), %%tmm3"
                 : : "r"(product.y), "r"(y_bytes) : "memory");
  const uint16_t* panel = product.panel;
  for (size_t k = 0; k < product.k; k += kTileInputs, panel += kTileInputs * kPanelWidth) {
    for (size_t value = 0; value < kTileInputs * kPanelWidth; value += kTileInputs) ask_page_ahead<kAhead>(panel + value);
    asm volatile(
        "tileloadd (%0,%1,1), %%tmm4\n\t"
        "tileloadd (%2,%3,1), %%tmm5\n\t"
        "tdpbf16ps %%tmm5, %%tmm4, %%tmm0\n\t"
        "tileloadd 64(%2,%3,1), %%tmm6\n\t"
        "tdpbf16ps %%tmm6, %%tmm4, %%tmm1\n\t"
        "tileloadd 128(%2,%3,1), %%tmm7\n\t"
        "tdpbf16ps %%tmm7, %%tmm4, %%tmm2\n\t"
        "tileloadd 192(%2,%3,1), %%tmm5\n\t"
        "tdpbf16ps %%tmm5, %%tmm4, %%tmm3"
        :
        : "r"(product.x + k), "r"(x_bytes), "r"(panel), "r"(kPanelTileBytes)
        : "memory");
  }
  asm volatile("tilestored %%tmm0, (%0,%1,1)\n\ttilestored %%tmm1, 64(%0,%1,1)\n\ttilestored %%tmm2, 128(%0,%1,1)\n\ttilestored %%tmm3, 192(%0,%1,1)"
               : : "r"(product.y), "r"(y_bytes) : "memory");
}

}  // namespace

void rows_amx(const PanelProduct<uint16_t>& product) {
  const KeepTileConfig before;
  if (product.streamed) {
    for (size_t row = 0; row < product.rows; row += kTileRows) stream(rows_of(product, row, std::min(kTileRows, product.rows - row)));
    return;
  }
  size_t configured = 0;
  Next next(product);
  const size_t part = round_up(ceil_div(product.k, ceil_div(product.k, kPartInputs)), kTileInputs);
  for (size_t k = 0; k < product.k; k += part) {
    PanelProduct<uint16_t> inputs = product;
    inputs.x += k;
    inputs.panel += k * kPanelWidth;
    inputs.k = std::min(part, product.k - k);
    inputs.add = product.add || k > 0;
    for (size_t row = 0; row < product.rows; row += kBlockRows) {
      const PanelProduct<uint16_t> rows = rows_of(inputs, row, std::min(kBlockRows, product.rows - row));
      if (rows.rows != configured) configure_block(configured = rows.rows);
      rows.rows > kTileRows ? block<true>(rows, next) : block<false>(rows, next);
    }
  }
}

}  // namespace evalharness::detail
