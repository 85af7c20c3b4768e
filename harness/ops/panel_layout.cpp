#include "harness/ops/panel_layout.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/text.h"
#include "harness/math/bfloat16.h"
#include "harness/math/convert.h"
#include "harness/math/gemm.h"

namespace evalharness {
static_assert(kPanelWidth == 64);

namespace {

// Neighbours as they are stored; `to` is aligned to either type.
void store_values(Dtype dtype, std::span<const float> values, std::byte* to) {
  if (dtype == Dtype::f32)
    std::memcpy(to, values.data(), values.size_bytes());
  else
    to_bfloat16(values, reinterpret_cast<uint16_t*>(to));
}

}  // namespace

std::string dtype_name(Dtype dtype) {
  return dtype == Dtype::f32 ? "f32" : dtype == Dtype::bf16 ? "bf16" : "f16";
}
Dtype dtype_named(const std::string& name) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16})
    if (dtype_name(dtype) == name) return dtype;
  EH_ASSERT(false);
}
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

// Both types lie in words of 4 bytes, a float32 or two neighbours in bfloat16: of each word the 64 rows stand side by
// side. Some words of all rows at a time, so that both sides stay in the nearest cache.
void write_panel(MatrixView w, const PanelLayout& layout, size_t panel, std::byte* to) {
  constexpr size_t kWord = 4, kStep = 16;  // words: half a cache line of inputs in bfloat16, and divides every depth
  const size_t first = panel * kPanelWidth, rows = std::min(kPanelWidth, layout.out - first);
  const size_t words = layout.depth() / layout.pair();
  for (size_t begin = 0; begin < words; begin += kStep) {
    alignas(64) std::array<std::byte, kPanelWidth * kStep * kWord> stored{};  // [64 rows][words]
    const size_t input = std::min(layout.in, begin * layout.pair());
    const size_t count = std::min(layout.in - input, kStep * layout.pair());
    for (size_t o = 0; o < rows; ++o)
      store_values(layout.dtype, w.row(first + o).subspan(input, count), stored.data() + o * kStep * kWord);
    for (size_t o = 0; o < kPanelWidth; ++o)
      for (size_t k = 0; k < kStep; ++k)
        std::memcpy(to + ((begin + k) * kPanelWidth + o) * kWord, stored.data() + (o * kStep + k) * kWord, kWord);
  }
}

Matrix dense_by_rows(const LinearOp& op) {
  Matrix w(op.out(), op.in());  // [out, in]
  std::vector<int32_t> ids(op.out());
  std::iota(ids.begin(), ids.end(), 0);
  op.rows(ids, w.view());
  return w;
}

Cost panel_cost(const LinearOp& op, const PanelLayout& layout, size_t tokens) {
  const double t = static_cast<double>(tokens);
  const double out = static_cast<double>(op.out()), in = static_cast<double>(op.in());
  return {.dense_flops = 2 * t * out * in,
          .executed_flops = 2 * t * static_cast<double>(layout.values()),
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
