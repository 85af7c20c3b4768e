#include "harness/backend/kernels/fixed_inputs.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "harness/base/error.h"
#include "harness/math/bfloat16.h"

namespace evalharness {
namespace {

constexpr size_t kLanes = 16;

// The power of two that takes the largest, 1.m * 2^e, to 1.m * 2^14; a stretch of denormals stays below that.
class Power {
 public:
  explicit Power(uint32_t largest_bits) : exponent_(std::max(largest_bits >> 7, kLeast)) {}
  float factor() const { return std::bit_cast<float>((2 * kBias + 14 - exponent_) << 23); }
  float scale() const {
    return exponent_ == kNotFinite ? std::numeric_limits<float>::quiet_NaN() : std::bit_cast<float>((exponent_ - 14) << 23);
  }

 private:
  static constexpr uint32_t kBias = 127, kNotFinite = 255, kLeast = 32;
  uint32_t exponent_;
};

FixedInputs fix_scalar(const uint16_t* x, size_t count, int16_t* to) {
  uint32_t largest = 0;
  for (size_t k = 0; k < count; ++k) largest = std::max(largest, x[k] & 0x7fffu);
  const Power power(largest);
  FixedInputs fixed{to, power.scale(), 0};
  for (size_t k = 0; k < count; ++k) {
    to[k] = std::isnan(fixed.scale) ? int16_t{0} : static_cast<int16_t>(std::lrint(from_bfloat16(x[k]) * power.factor()));
    fixed.sum += to[k];
  }
  return fixed;
}

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i load_16(const uint16_t* x) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
}

// The bits of the largest magnitude.
[[gnu::target("avx2")]] uint32_t largest_bits(const uint16_t* x, size_t count) {
  const __m256i magnitude = _mm256_set1_epi16(0x7fff);
  __m256i most = _mm256_setzero_si256();
  for (size_t k = 0; k < count; k += kLanes) most = _mm256_max_epi16(most, _mm256_and_si256(load_16(x + k), magnitude));
  __m128i eight = _mm_max_epi16(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  // 0x7fff - m: the instruction that there is finds the least.
  eight = _mm_minpos_epu16(_mm_sub_epi16(_mm_set1_epi16(0x7fff), eight));
  return 0x7fffu - static_cast<uint32_t>(_mm_extract_epi16(eight, 0));
}

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i rounded(__m256i words, __m256 factor) {
  return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_castsi256_ps(words), factor));
}

[[gnu::target("avx2")]] FixedInputs fix_avx2(const uint16_t* x, size_t count, int16_t* to) {
  EH_ASSERT(count % kLanes == 0 && count <= kMostFixedInputs);
  const Power power(largest_bits(x, count));
  const float scale = power.scale();
  if (std::isnan(scale)) return fix_scalar(x, count, to);
  const __m256 factor = _mm256_set1_ps(power.factor());
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  __m256i sum = _mm256_setzero_si256();
  for (size_t k = 0; k < count; k += kLanes) {
    // A bfloat16 with sixteen zeros below it is a float32.
    const __m256i values = load_16(x + k);
    const __m256i even = rounded(_mm256_slli_epi32(values, 16), factor);
    const __m256i odd = rounded(_mm256_and_si256(values, upper), factor);
    sum = _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
    _mm256_store_si256(reinterpret_cast<__m256i*>(to + k), _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xaa));
  }
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_srli_si128(four, 8));
  return {to, scale, _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_srli_si128(four, 4)))};
}

}  // namespace

FixInputs fix_inputs(Isa isa) { return isa >= Isa::avx2 ? fix_avx2 : fix_scalar; }

size_t Stretches::end(size_t k, size_t depth) const {
  return std::min({depth, k + most, grids.group_end(grids.group_at(k)), k - k % part + part});
}

size_t FixedRows::bytes(size_t rows, size_t depth) { return rows * (depth * sizeof(int16_t) + depth / kLeast * sizeof(Factors)) + kPadding; }

FixedRows::FixedRows(const std::byte* fixed, size_t rows, size_t depth)
    : depth_(depth), x_(reinterpret_cast<const int16_t*>(fixed)), factors_(reinterpret_cast<const Factors*>(x_ + rows * depth)) {}

void FixedRows::fix(Isa isa, const PanelProduct<uint16_t>& all, const Stretches& stretches, std::byte* to) {
  EH_ASSERT(all.k % (2 * kLeast) == 0);
  const FixInputs fix = fix_inputs(isa);
  int16_t* const x = reinterpret_cast<int16_t*>(to);
  Factors* const factors = reinterpret_cast<Factors*>(x + all.rows * all.k);
  for (size_t row = 0; row < all.rows; ++row) {
    for (size_t k = 0; k < all.k;) {
      const size_t end = stretches.end(k, all.k), place = row * all.k + k;
      const FixedInputs fixed = fix(all.x + row * all.x_stride + k, end - k, x + place);
      factors[place / kLeast] = {fixed.scale, fixed.sum};
      k = end;
    }
  }
}

}  // namespace evalharness
