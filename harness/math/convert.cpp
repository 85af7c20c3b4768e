#include "harness/math/convert.h"

#include <immintrin.h>

#include "harness/math/bfloat16.h"
#include "harness/math/float16.h"
#include "harness/math/isa.h"

namespace evalharness {
namespace {

constexpr size_t kLanes = 8;

// The rounded bits of eight values, each in the upper half of its lane; the lower half is not zero.
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i rounded(const float* from) {
  const __m256 values = _mm256_loadu_ps(from);
  const __m256i bits = _mm256_castps_si256(values);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i even = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(values, values, _CMP_UNORD_Q));
  return _mm256_blendv_epi8(even, quiet, nan);
}

[[gnu::target("avx2")]] size_t to_bfloat16_avx2(std::span<const float> from, uint16_t* to) {
  size_t i = 0;
  for (; i + 2 * kLanes <= from.size(); i += 2 * kLanes) {
    const __m256i low = _mm256_srli_epi32(rounded(from.data() + i), 16);
    const __m256i high = _mm256_srli_epi32(rounded(from.data() + i + kLanes), 16);
    // Packing works inside 128 bits: put the four quarters in order.
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0b11011000);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), packed);
  }
  return i;
}

[[gnu::target("avx512f")]] size_t to_bfloat16_avx512(std::span<const float> from, uint16_t* to) {
  constexpr size_t kWide = 16;
  const __m512i one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7fff), quiet = _mm512_set1_epi32(0x400000);
  size_t i = 0;
  for (; i + kWide <= from.size(); i += kWide) {
    const __m512 values = _mm512_loadu_ps(from.data() + i);
    const __m512i bits = _mm512_castps_si512(values);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    const __m512i even = _mm512_add_epi32(bits, _mm512_add_epi32(odd, half));
    const __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
    const __m512i rounded = _mm512_mask_or_epi32(even, nan, bits, quiet);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
  }
  return i;
}

[[gnu::target("avx2")]] size_t round_avx2(std::span<const float> from, float* to) {
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  size_t i = 0;
  for (; i + kLanes <= from.size(); i += kLanes) {
    const __m256i bits = _mm256_and_si256(rounded(from.data() + i), upper);
    _mm256_storeu_ps(to + i, _mm256_castsi256_ps(bits));
  }
  return i;
}

[[gnu::target("avx2,f16c")]] size_t to_float16_f16c(std::span<const float> from, uint16_t* to) {
  size_t i = 0;
  for (; i + kLanes <= from.size(); i += kLanes)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from.data() + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}

[[gnu::target("avx2,f16c")]] size_t from_float16_f16c(std::span<const uint16_t> from, float* to) {
  size_t i = 0;
  for (; i + kLanes <= from.size(); i += kLanes)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from.data() + i))));
  return i;
}

// As many as `vectors` converts on this machine, the others by `one`.
template <class From, class To>
void convert(std::span<const From> from, To* to, size_t (*vectors)(std::span<const From>, To*), To (*one)(From)) {
  static const bool avx2 = has_isa(Isa::avx2);
  for (size_t i = avx2 ? vectors(from, to) : 0; i < from.size(); ++i) to[i] = one(from[i]);
}

}  // namespace

void to_bfloat16(std::span<const float> from, uint16_t* to) {
  static const bool wide = best_isa() >= Isa::avx512;
  convert(from, to, wide ? to_bfloat16_avx512 : to_bfloat16_avx2, to_bfloat16);
}
void round_to_bfloat16(std::span<const float> from, float* to) { convert(from, to, round_avx2, round_to_bfloat16); }
void to_float16(std::span<const float> from, uint16_t* to) { convert(from, to, to_float16_f16c, to_float16); }
void from_float16(std::span<const uint16_t> from, float* to) { convert(from, to, from_float16_f16c, from_float16); }

}  // namespace evalharness
