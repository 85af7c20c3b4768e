// VNNI sums the products of pairs of 16-bit integers in one instruction, twice as many a cycle as of bfloat16: see int_group_multiply.inc.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/backend/kernels/int_group_multiply_isa.h"
#include "harness/math/ask_ahead.h"
#include "harness/math/panel_kernels.h"

#define KERNEL_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 16, kMostSums = 16;
using Vector = __m512i;

[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector load(const uint32_t* place) { return _mm512_loadu_si512(place); }
// The 16-bit halves of words, shifted.
template <size_t Bits>
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector right(Vector v) { return _mm512_srli_epi16(v, Bits); }
template <size_t Bits>
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector left(Vector v) { return _mm512_slli_epi16(v, Bits); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector right_by(Vector v, int bits) { return _mm512_srl_epi16(v, _mm_cvtsi32_si128(bits)); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector halves(int value) { return _mm512_set1_epi16(static_cast<short>(value)); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector all(int value) { return _mm512_set1_epi32(value); }
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector wide_bytes(const uint8_t* place) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(place)));
}
// sums + the products of both halves.
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector with_products(Vector sums, Vector codes, Vector x) {
  return _mm512_dpwssd_epi32(sums, codes, x);
}
// sums - a * b, in words.
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Vector less_products(Vector sums, Vector a, Vector b) {
  return _mm512_sub_epi32(sums, _mm512_mullo_epi32(a, b));
}
// y += sums * halves of `scales` * scale
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline void add_scaled(Vector sums, const std::byte* scales, float scale, float* y) {
  const __m512 both = _mm512_mul_ps(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales))), _mm512_set1_ps(scale));
  _mm512_storeu_ps(y, _mm512_fmadd_ps(both, _mm512_cvtepi32_ps(sums), _mm512_loadu_ps(y)));
}
[[gnu::always_inline]] inline void ask(const uint32_t* place) { ask_page_ahead<8192>(place); }

#include "harness/backend/kernels/int_group_multiply.inc"

}  // namespace

std::span<const IntGroupKernel> int_group_kernels_vnni(size_t bits) { return kKernels[bits - 2]; }

}  // namespace evalharness::detail
