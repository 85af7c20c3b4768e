// dense.f16: halves become float32 in registers where a few tokens stream them, block by block in cache elsewhere.
#include <immintrin.h>

#include <algorithm>
#include <span>

#include "harness/math/ask_ahead.h"
#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/math/convert.h"
#include "harness/math/panel_kernels.h"
#include "harness/ops/dense_f16.h"

namespace evalharness {
namespace {

// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 4096;

using MultiplyHalves = void (*)(const uint16_t* halves, const PanelProduct<float>& product);

// Sixteen registers: one row keeps all 64 sums, two or three take the panel in two halves.
template <size_t Rows>
[[gnu::target("avx2,fma,f16c")]] void rows_f16c(const uint16_t* halves, const PanelProduct<float>& product) {
  constexpr size_t kLanes = 8, kVectors = Rows == 1 ? 8 : 4;
  for (size_t column = 0; column < kPanelWidth; column += kVectors * kLanes) {
    __m256 sum[Rows][kVectors] = {};
    const uint16_t* place = halves + column;
    for (size_t k = 0; k < product.k; ++k, place += kPanelWidth) {
      __m256 x[Rows];
#pragma GCC unroll 8
      for (size_t r = 0; r < Rows; ++r) x[r] = _mm256_broadcast_ss(product.x + r * product.x_stride + k);
#pragma GCC unroll 8
      for (size_t v = 0; v < kVectors; ++v) {
        if (v % 4 == 0) ask_ahead<kAhead>(place + v * kLanes);
        const __m256 w = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(place + v * kLanes)));
#pragma GCC unroll 8
        for (size_t r = 0; r < Rows; ++r) sum[r][v] = _mm256_fmadd_ps(x[r], w, sum[r][v]);
      }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
      for (size_t v = 0; v < kVectors; ++v)
        _mm256_storeu_ps(product.y + r * product.y_stride + column + v * kLanes, sum[r][v]);
  }
}

template <size_t Rows>
[[gnu::target("avx512f")]] void rows_avx512(const uint16_t* halves, const PanelProduct<float>& product) {
  constexpr size_t kLanes = 16, kVectors = kPanelWidth / kLanes;
  __m512 sum[Rows][kVectors] = {};
  for (size_t k = 0; k < product.k; ++k, halves += kPanelWidth) {
    __m512 x[Rows];
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r) x[r] = _mm512_set1_ps(product.x[r * product.x_stride + k]);
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) {
      if (v % 2 == 0) ask_page_ahead<kAhead>(halves + v * kLanes);
      const __m512 w = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves + v * kLanes)));
#pragma GCC unroll 8
      for (size_t r = 0; r < Rows; ++r) sum[r][v] = _mm512_fmadd_ps(x[r], w, sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) _mm512_storeu_ps(product.y + r * product.y_stride + v * kLanes, sum[r][v]);
}

constexpr MultiplyHalves kF16c[] = {rows_f16c<1>, rows_f16c<2>, rows_f16c<3>};
constexpr MultiplyHalves kAvx512[] = {rows_avx512<1>, rows_avx512<2>, rows_avx512<3>, rows_avx512<4>, rows_avx512<5>, rows_avx512<6>};

// By the number of rows of a pass, from one on. None where `isa` has no such kernel.
std::span<const MultiplyHalves> kernels(Isa isa) {
  if (isa >= Isa::avx512) return kAvx512;
  return isa == Isa::avx2 ? std::span(kF16c) : std::span<const MultiplyHalves>();
}

class DenseF16Reader final : public PanelReader<float> {
 public:
  explicit DenseF16Reader(const DenseF16Linear& weight) : weight_(weight) {}

  const LinearOp& op() const override { return weight_; }
  const PanelLayout& layout() const override { return weight_.layout(); }
  std::string decoder() const override { return "widen"; }
  size_t block() const override { return 64; }
  const float* read(size_t panel, size_t begin, size_t end, float* scratch) const override {
    from_float16({weight_.panel(panel, begin), (end - begin) * kPanelWidth}, scratch);
    return scratch;
  }

  void multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<float> product, const std::byte* prepared) const override {
    const std::span<const MultiplyHalves> by_rows = kernels(isa);
    if (by_rows.empty()) return PanelReader::multiply_few(isa, panel, begin, product, prepared);
    EH_ASSERT(!product.add);
    for (size_t row = 0; row < product.rows;) {
      const size_t count = std::min(product.rows - row, by_rows.size());
      by_rows[count - 1](weight_.panel(panel, begin), detail::rows_of(product, row, count));
      row += count;
    }
  }

  std::string few_kernel(Isa isa, size_t tokens) const override {
    if (kernels(isa).empty()) return PanelReader::few_kernel(isa, tokens);
    return isa >= Isa::avx512 ? "avx512 f16" : "avx2 f16c";
  }

 private:
  const DenseF16Linear& weight_;
};

const RegisterKernels registration("dense.f16", [](const LinearOp& op, const CpuOptions& options) {
  const auto* const weight = dynamic_cast<const DenseF16Linear*>(&op);
  EH_ASSERT(weight != nullptr);
  return bind_panels<float>(std::make_unique<DenseF16Reader>(*weight), options);
});

}  // namespace
}  // namespace evalharness
