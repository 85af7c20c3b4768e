// AVX2 has no table of sixteen lanes and no bfloat16 product, so a code is cut out where it stands in
// its word and turned into float32: code * 2^shift, exact. The input that it meets carries the 2^-shift.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "harness/backend/kernels/int_group_multiply_isa.h"
#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 8, kVectors = 4;  // half a panel at a time: the sums of two rows fit
constexpr size_t kStep = 16, kStepPairs = kStep / 2;
constexpr size_t kMostRows = 2;
// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 8192;

// Where a plane of `width` bits holds the pairs of half a unit.
struct Plane {
  size_t width;
  size_t half;
  constexpr size_t pairs_of_word() const { return 16 / width; }
  constexpr size_t first_pair() const { return half * kStepPairs; }
  constexpr size_t word(size_t pair) const { return (first_pair() + pair) / pairs_of_word(); }
  // Of the even input; the odd one stands 16 bits higher.
  constexpr size_t shift(size_t pair) const { return (first_pair() + pair) % pairs_of_word() * width; }
  // A code at the top would be a negative number: it is shifted down instead.
  constexpr bool at_top(size_t pair) const { return shift(pair) + 16 + width == 32; }
};

// What the inputs of half a unit are multiplied by, `bit` being the plane's lowest bit of a code.
using Scales = std::array<float, kStep>;
constexpr Scales scales_of(Plane plane, size_t bit) {
  Scales scales{};
  for (size_t pair = 0; pair < kStepPairs; ++pair) {
    const auto value = [&](size_t shift) {
      return static_cast<float>(size_t{1} << bit) / static_cast<float>(size_t{1} << shift);
    };
    scales[2 * pair] = value(plane.shift(pair));
    scales[2 * pair + 1] = value(plane.at_top(pair) ? 0 : plane.shift(pair) + 16);
  }
  return scales;
}
template <size_t Width, size_t Half, size_t Bit>
alignas(32) constexpr Scales kScales = scales_of({Width, Half}, Bit);

// The same of bytes (see add_bytes): of the eight inputs of a word, twice.
alignas(32) constexpr Scales kByteScales = {1, 0x1p-16f, 1, 0x1p-16f, 0x1p-8f, 1, 0x1p-8f, 1,
                                            1, 0x1p-16f, 1, 0x1p-16f, 0x1p-8f, 1, 0x1p-8f, 1};

template <size_t Rows>
struct Inputs {
  alignas(32) float of[Rows][kStep];
};
template <size_t Rows>
struct Sums {
  __m256 of[Rows][kVectors];
};

[[gnu::target("avx2,fma"), gnu::always_inline]] inline __m256 eight_floats(const uint16_t* place) {
  const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(place));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16));
}

template <size_t Rows>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline Inputs<Rows> scaled_inputs(
    const PanelProduct<uint16_t>& product, const Scales& scales) {
  Inputs<Rows> x;
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t k = 0; k < kStep; k += kLanes) {
      const __m256 values = eight_floats(product.x + r * product.x_stride + k);
      _mm256_store_ps(x.of[r] + k, _mm256_mul_ps(values, _mm256_load_ps(scales.data() + k)));
    }
  }
  return x;
}

// `words` is the plane's first word at the half panel's first output.
template <size_t Width, size_t Half, size_t Bit, size_t Rows>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline void add_plane(
    const uint32_t* words, const PanelProduct<uint16_t>& product, Sums<Rows>& sums) {
  constexpr Plane kPlane = {Width, Half};
  const Inputs<Rows> x = scaled_inputs<Rows>(product, kScales<Width, Half, Bit>);
  __m256i word[kVectors];
#pragma GCC unroll 8
  for (size_t pair = 0; pair < kStepPairs; ++pair) {
    const size_t shift = kPlane.shift(pair);
    if (pair == 0 || shift == 0) {
      const uint32_t* const place = words + kPlane.word(pair) * kPanelWidth;
      for (size_t v = 0; v < kVectors; ++v) {
        if (v % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(place + v * kLanes) + kAhead, _MM_HINT_T1);
        word[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(place + v * kLanes));
      }
    }
    constexpr int kMask = (1 << Width) - 1;
    const __m256i even_bits = _mm256_set1_epi32(kMask << shift);
    const __m256i odd_bits = _mm256_slli_epi32(even_bits, 16);
    for (size_t v = 0; v < kVectors; ++v) {
      const __m256 even = _mm256_cvtepi32_ps(_mm256_and_si256(word[v], even_bits));
      const __m256 odd = _mm256_cvtepi32_ps(kPlane.at_top(pair) ? _mm256_srli_epi32(word[v], 32 - Width)
                                                                : _mm256_and_si256(word[v], odd_bits));
      for (size_t r = 0; r < Rows; ++r) {
        __m256& sum = sums.of[r][v];
        sum = _mm256_fmadd_ps(_mm256_broadcast_ss(x.of[r] + 2 * pair), even, sum);
        sum = _mm256_fmadd_ps(_mm256_broadcast_ss(x.of[r] + 2 * pair + 1), odd, sum);
      }
    }
  }
}

// Codes of eight bits: the nibbles of both planes are put together first, as bytes, so that a code
// costs one conversion and one product. bytes[0] has pairs 0 and 2 of a word, bytes[1] pairs 1 and 3:
// their even inputs in its lower two bytes, the odd ones in its upper two.
template <size_t Half, size_t Rows>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline void add_bytes(
    const uint32_t* words, const PanelProduct<uint16_t>& product, Sums<Rows>& sums) {
  constexpr size_t kWordPairs = 4, kByte = 8;
  const __m256i nibbles = _mm256_set1_epi8(0x0f);
  const Inputs<Rows> x = scaled_inputs<Rows>(product, kByteScales);
#pragma GCC unroll 2
  for (size_t first = 0; first < kStepPairs; first += kWordPairs) {
    const uint32_t* const place = words + (Half * 2 + first / kWordPairs) * kPanelWidth;
    for (size_t v = 0; v < kVectors; ++v) {
      const auto load = [&](size_t plane) __attribute__((target("avx2"), always_inline)) {
        const uint32_t* const at = place + plane * 4 * kPanelWidth + v * kLanes;
        if (v % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(at) + kAhead, _MM_HINT_T1);
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      };
      const __m256i low = load(0), high = load(1);
      const __m256i bytes[2] = {
          _mm256_or_si256(_mm256_and_si256(low, nibbles),
                          _mm256_slli_epi32(_mm256_and_si256(high, nibbles), 4)),
          _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi32(low, 4), nibbles),
                          _mm256_andnot_si256(nibbles, high))};
#pragma GCC unroll 8
      for (size_t code = 0; code < 2 * kWordPairs; ++code) {
        const size_t pair = code / 2, byte = pair / 2 + code % 2 * 2;
        const __m256i all = bytes[pair % 2];
        const __m256i bits = byte == 3 ? _mm256_srli_epi32(all, 24)
                                       : _mm256_and_si256(all, _mm256_set1_epi32(0xff << kByte * byte));
        const __m256 w = _mm256_cvtepi32_ps(bits);
        for (size_t r = 0; r < Rows; ++r) {
          __m256& sum = sums.of[r][v];
          sum = _mm256_fmadd_ps(_mm256_broadcast_ss(x.of[r] + 2 * first + code), w, sum);
        }
      }
    }
  }
}

// Planes of 4, 2 and 1 bits, the lowest bits first (see int_group.h).
template <size_t Bits, size_t Half, size_t Rows>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline void add_step(
    const uint32_t* words, const PanelProduct<uint16_t>& product, Sums<Rows>& sums) {
  if constexpr (Bits == 8) return add_bytes<Half>(words, product, sums);
  constexpr size_t kFours = Bits / 4, kAfterFours = 4 * kFours;
  if constexpr (kFours > 0) add_plane<4, Half, 0>(words, product, sums);
  const uint32_t* const rest = words + kAfterFours * kPanelWidth;
  if constexpr ((Bits & 2) != 0) add_plane<2, Half, kAfterFours>(rest, product, sums);
  if constexpr ((Bits & 1) != 0) {
    constexpr size_t kBefore = Bits & 2;
    add_plane<1, Half, kAfterFours + kBefore>(rest + kBefore * kPanelWidth, product, sums);
  }
}

[[gnu::target("avx2,fma")]] float sum_inputs(const uint16_t* x, size_t count) {
  __m256 sum = _mm256_setzero_ps();
  for (size_t k = 0; k < count; k += kLanes) sum = _mm256_add_ps(sum, eight_floats(x + k));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

// The zeros of eight outputs from `output` on.
template <size_t Bits>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline __m256 zeros_at(const uint8_t* zeros, size_t output) {
  if (zeros == nullptr) return _mm256_set1_ps(static_cast<float>(1 << (Bits - 1)));
  constexpr bool kPacked = Bits <= 4;
  const uint8_t* const place = zeros + (kPacked ? output % 32 : output);
  __m256i codes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(place)));
  if (kPacked && output >= 32) codes = _mm256_srli_epi32(codes, 4);
  if (kPacked) codes = _mm256_and_si256(codes, _mm256_set1_epi32(15));
  return _mm256_cvtepi32_ps(codes);
}

// y += scale * (sum of x * code - zero * sum of x).
template <size_t Bits, size_t Rows>
[[gnu::target("avx2,fma,f16c"), gnu::always_inline]] inline void add_group(
    const std::byte* scales, const uint8_t* zeros, const float (&x_sums)[Rows], size_t column,
    const Sums<Rows>& sums, const PanelProduct<uint16_t>& product) {
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t output = column + v * kLanes;
    const __m256 scale = _mm256_cvtph_ps(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + output * sizeof(uint16_t))));
    const __m256 zero = zeros_at<Bits>(zeros, output);
    for (size_t r = 0; r < Rows; ++r) {
      const __m256 sum = _mm256_fnmadd_ps(zero, _mm256_set1_ps(x_sums[r]), sums.of[r][v]);
      float* const y = product.y + r * product.y_stride + output;
      _mm256_storeu_ps(y, _mm256_fmadd_ps(scale, sum, _mm256_loadu_ps(y)));
    }
  }
}

template <size_t Bits, size_t Rows>
[[gnu::target("avx2,fma,f16c")]] void multiply(const IntGroupLinear& weight, size_t panel, size_t begin,
                                               PanelProduct<uint16_t> product) {
  for (size_t r = 0; r < Rows; ++r) std::fill_n(product.y + r * product.y_stride, kPanelWidth, 0.0f);
  const size_t end = begin + product.k;
  for (size_t k = begin; k < end;) {
    const size_t group = weight.grids().group_at(k), group_begin = k;
    const size_t group_end = std::min(end, weight.grids().group_end(group));
    const uint16_t* const x = product.x;
    float x_sums[Rows];
    for (size_t r = 0; r < Rows; ++r) x_sums[r] = sum_inputs(x + r * product.x_stride, group_end - k);
    for (size_t column = 0; column < kPanelWidth; column += kVectors * kLanes) {
      Sums<Rows> sums{};
      product.x = x;
      for (k = group_begin; k < group_end; k += kStep, product.x += kStep) {
        const uint32_t* const words = weight.codes(panel, k) + column;
        if (k % IntGroupLinear::kUnit == 0) {
          add_step<Bits, 0>(words, product, sums);
        } else {
          add_step<Bits, 1>(words, product, sums);
        }
      }
      add_group<Bits>(weight.grids().scales(panel, group), weight.grids().zeros(panel, group), x_sums, column, sums, product);
    }
  }
}

template <size_t Bits>
constexpr std::array<IntGroupKernel, kMostRows> kRows = {multiply<Bits, 1>, multiply<Bits, 2>};
constexpr std::array kKernels = {kRows<2>, kRows<3>, kRows<4>, kRows<5>, kRows<6>, kRows<7>, kRows<8>};

}  // namespace

std::span<const IntGroupKernel> int_group_kernels_avx2(size_t bits) { return kKernels[bits - 2]; }

}  // namespace evalharness::detail
