// AVX2 has no bfloat16 product: see int_group_multiply.inc.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/backend/kernels/in_order.h"
#include "harness/backend/kernels/int_group_multiply_isa.h"
#include "harness/math/ask_ahead.h"
#include "harness/math/panel_kernels.h"

#define KERNEL_TARGET "avx2,fma,f16c"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 8, kMostSums = 8;
using Vector = __m256i;

[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector load(const uint32_t* place) {
  return _mm256_loadu_si256(reinterpret_cast<const Vector*>(place));
}
// The 16-bit halves of words, shifted.
template <size_t Bits>
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector right(Vector v) { return _mm256_srli_epi16(v, Bits); }
template <size_t Bits>
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector left(Vector v) { return _mm256_slli_epi16(v, Bits); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector right_by(Vector v, int bits) { return _mm256_srl_epi16(v, _mm_cvtsi32_si128(bits)); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector halves(int value) { return _mm256_set1_epi16(static_cast<short>(value)); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector all(int value) { return _mm256_set1_epi32(value); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector wide_bytes(const uint8_t* place) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(place)));
}
// sums + the products of both halves.
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector with_products(Vector sums, Vector codes, Vector x) {
  sums = _mm256_add_epi32(sums, _mm256_madd_epi16(codes, x));
  in_order(sums);
  return sums;
}
// sums - a * b, in words.
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector less_products(Vector sums, Vector a, Vector b) {
  return _mm256_sub_epi32(sums, _mm256_mullo_epi32(a, b));
}
// y += sums * halves of `scales` * scale
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline void add_scaled(Vector sums, const std::byte* scales, float scale, float* y) {
  const __m256 both = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales))), _mm256_set1_ps(scale));
  _mm256_storeu_ps(y, _mm256_fmadd_ps(both, _mm256_cvtepi32_ps(sums), _mm256_loadu_ps(y)));
}
// Far enough to hide DRAM's latency at this loop's pace.
[[gnu::always_inline]] inline void ask(const uint32_t* place) { ask_ahead<2048>(place); }

#include "harness/backend/kernels/int_group_multiply.inc"

}  // namespace

std::span<const IntGroupKernel> int_group_kernels_avx2(size_t bits) { return kKernels[bits - 2]; }

}  // namespace evalharness::detail
