#include "harness/ops/panel_layout.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/text.h"
#include "harness/math/bfloat16.h"
#include "harness/math/gemm.h"

namespace evalharness {
static_assert(kPanelWidth == 64);

std::string dtype_name(Dtype dtype) { return dtype == Dtype::f32 ? "f32" : "bf16"; }
size_t dtype_bytes(Dtype dtype) { return dtype == Dtype::f32 ? 4 : 2; }

size_t PanelLayout::panels() const { return ceil_div(out, kPanelWidth); }
size_t PanelLayout::depth() const {
  return round_up(in, dtype == Dtype::bf16 ? kDepthMultipleBf16 : kDepthMultipleF32);
}

float load_value(Dtype dtype, const std::byte* from) {
  if (dtype == Dtype::f32) {
    float value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  uint16_t value;
  std::memcpy(&value, from, sizeof value);
  return from_bfloat16(value);
}

void store_value(Dtype dtype, float value, std::byte* to) {
  if (dtype == Dtype::f32) {
    std::memcpy(to, &value, sizeof value);
    return;
  }
  const uint16_t rounded = to_bfloat16(value);
  std::memcpy(to, &rounded, sizeof rounded);
}

void write_panel(MatrixView w, const PanelLayout& layout, size_t panel, std::byte* to) {
  const size_t width = dtype_bytes(layout.dtype);
  std::fill_n(to, layout.panel_values() * width, std::byte{0});
  const size_t first = panel * kPanelWidth, end = std::min(first + kPanelWidth, layout.out);
  const size_t base = layout.place(first, 0);
  for (size_t o = first; o < end; ++o) {
    for (size_t i = 0; i < layout.in; ++i) {
      store_value(layout.dtype, w(o, i), to + (layout.place(o, i) - base) * width);
    }
  }
}

Matrix dense_by_rows(const LinearOp& op) {
  Matrix w(op.out(), op.in());  // [out, in]
  std::vector<int32_t> ids(op.out());
  std::iota(ids.begin(), ids.end(), 0);
  op.rows(ids, w.view());
  return w;
}

Cost panel_cost(const LinearOp& op, const PanelLayout& layout, size_t tokens,
                double executed_share) {
  const double t = static_cast<double>(tokens);
  const double out = static_cast<double>(op.out()), in = static_cast<double>(op.in());
  return {.dense_flops = 2 * t * out * in,
          .executed_flops = 2 * t * static_cast<double>(layout.values()) * executed_share,
          .effective_flops = 2 * t * static_cast<double>(op.nonzeros()),
          .weight_bytes = static_cast<double>(op.bytes()),
          .activation_bytes = 4 * t * (out + in)};
}

void check_weight_shape(size_t out, size_t in) {
  constexpr size_t kMost = size_t{1} << 31, kMostPlaces = size_t{1} << 40;
  if (out < 1 || in < 1 || out >= kMost || in >= kMost)
    fail(cat("weight [", out, ", ", in, "]: expected both sides in 1..", kMost - 1));
  if (out * in > kMostPlaces)  // so that no size computed from them overflows
    fail(cat("weight [", out, ", ", in, "]: expected at most ", kMostPlaces, " places"));
}

}  // namespace evalharness
