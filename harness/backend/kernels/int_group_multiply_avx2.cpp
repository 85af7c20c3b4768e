// AVX2 has no bfloat16 product: inputs become 16-bit integers (fixed_inputs.h), and the codes of two neighbouring inputs, which
// stand 16 bits apart in a word, are cut out with what else is in their half of the register shifted and masked away.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "harness/backend/kernels/fixed_inputs.h"
#include "harness/backend/kernels/in_order.h"
#include "harness/backend/kernels/int_group_multiply_isa.h"
#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 8;
constexpr size_t kPairs = 8;  // of half a unit, which is in one group
constexpr size_t kMostRows = 8;
// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 2048;

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i load(const uint32_t* place) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(place));
}

// Moves the fields of `Width` bits from bit Shift of each half of a word to bit At.
template <size_t Width, size_t Shift, size_t At>
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i cut(__m256i word) {
  if constexpr (Shift > At) word = _mm256_srli_epi16(word, Shift - At);
  if constexpr (Shift < At) word = _mm256_slli_epi16(word, At - Shift);
  if constexpr (At == 0 && Shift + Width == 16) return word;
  return _mm256_and_si256(word, _mm256_set1_epi16(static_cast<short>(((1 << Width) - 1) << At)));
}

// The codes of pair `Pair` of half a unit: planes of 4, 2 and 1 bits, the lowest bits first (see int_group.h).
template <size_t Bits, size_t Pair>
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i codes_of_pair(const uint32_t* words, size_t half) {
  constexpr size_t kFours = Bits / 4, kBefore1 = 4 * kFours + (Bits & 2);
  const size_t four = 2 * half + Pair / 4;  // the word of a plane of 4 bits
  __m256i codes = _mm256_setzero_si256();
  if constexpr (kFours > 0) codes = cut<4, Pair % 4 * 4, 0>(load(words + four * kPanelWidth));
  if constexpr (kFours > 1) codes = _mm256_or_si256(codes, cut<4, Pair % 4 * 4, 4>(load(words + (4 + four) * kPanelWidth)));
  if constexpr ((Bits & 2) != 0) codes = _mm256_or_si256(codes, cut<2, Pair * 2, 4 * kFours>(load(words + (4 * kFours + half) * kPanelWidth)));
  if constexpr ((Bits & 1) != 0) {
    const __m256i eight_pairs = _mm256_srl_epi16(load(words + kBefore1 * kPanelWidth), _mm_cvtsi32_si128(static_cast<int>(half * kPairs)));
    codes = _mm256_or_si256(codes, cut<1, Pair, kBefore1>(eight_pairs));
  }
  return codes;
}

// Outputs [column, column + 8 * Vectors) of a stretch of one group.
template <size_t Rows, size_t Vectors>
struct Sums {
  __m256i of[Rows][Vectors];
};

template <size_t Bits, size_t Pair, size_t Rows, size_t Vectors>
[[gnu::target("avx2"), gnu::always_inline]] inline void add_pair(const uint32_t* words, size_t half, const FixedInputs* rows, size_t k, Sums<Rows, Vectors>& sums) {
  __m256i x[Rows];
#pragma GCC unroll 8
  for (size_t r = 0; r < Rows; ++r) {
    int pair;
    std::memcpy(&pair, rows[r].x + k + 2 * Pair, sizeof pair);
    x[r] = _mm256_set1_epi32(pair);
  }
#pragma GCC unroll 8
  for (size_t v = 0; v < Vectors; ++v) {
    const __m256i codes = codes_of_pair<Bits, Pair>(words + v * kLanes, half);
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r) {
      sums.of[r][v] = _mm256_add_epi32(sums.of[r][v], _mm256_madd_epi16(codes, x[r]));
      in_order(sums.of[r][v]);
    }
  }
}

// `words` is the unit's first word of the first output; rows[r].x[k] meets the first input of the half.
template <size_t Bits, size_t Rows, size_t Vectors>
[[gnu::target("avx2"), gnu::always_inline]] inline void add_half(const uint32_t* words, size_t half, const FixedInputs* rows, size_t k, Sums<Rows, Vectors>& sums) {
  [&]<size_t... Pair>(std::index_sequence<Pair...>) __attribute__((target("avx2"), always_inline)) {
    (add_pair<Bits, Pair>(words, half, rows, k, sums), ...);
  }(std::make_index_sequence<kPairs>());
}

// The zeros of eight outputs from `output` on.
template <size_t Bits>
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i zeros_at(const uint8_t* zeros, size_t output) {
  if (zeros == nullptr) return _mm256_set1_epi32(1 << (Bits - 1));
  constexpr bool kPacked = Bits <= 4;
  const uint8_t* const place = zeros + (kPacked ? output % 32 : output);
  __m256i codes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(place)));
  if (kPacked && output >= 32) codes = _mm256_srli_epi32(codes, 4);
  return kPacked ? _mm256_and_si256(codes, _mm256_set1_epi32(15)) : codes;
}

// y += scale * (sum of x * code - zero * sum of x).
template <size_t Bits, size_t Rows, size_t Vectors>
[[gnu::target("avx2,fma,f16c"), gnu::always_inline]] inline void add_stretch(
    const std::byte* scales, const uint8_t* zeros, const FixedInputs* rows, size_t column,
    const Sums<Rows, Vectors>& sums, const PanelProduct<uint16_t>& product) {
#pragma GCC unroll 8
  for (size_t v = 0; v < Vectors; ++v) {
    const size_t output = column + v * kLanes;
    const __m256 scale = _mm256_cvtph_ps(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + output * sizeof(uint16_t))));
    const __m256i zero = zeros_at<Bits>(zeros, output);
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r) {
      const __m256i sum = _mm256_sub_epi32(sums.of[r][v], _mm256_mullo_epi32(zero, _mm256_set1_epi32(rows[r].sum)));
      const __m256 both = _mm256_mul_ps(scale, _mm256_set1_ps(rows[r].scale));
      float* const y = product.y + r * product.y_stride + output;
      _mm256_storeu_ps(y, _mm256_fmadd_ps(both, _mm256_cvtepi32_ps(sum), _mm256_loadu_ps(y)));
    }
  }
}

// Inputs [begin, end) of one group.
template <size_t Bits, size_t Rows, size_t Vectors>
[[gnu::target("avx2,fma,f16c"), gnu::always_inline]] inline void multiply_stretch(
    const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, const FixedInputs* rows, const PanelProduct<uint16_t>& product) {
  const size_t group = weight.grids().group_at(begin);
  for (size_t column = 0; column < kPanelWidth; column += Vectors * kLanes) {
    Sums<Rows, Vectors> sums{};
    for (size_t k = begin; k < end; k += 2 * kPairs) {
      const uint32_t* const words = weight.codes(panel, k);
      const size_t half = k / (2 * kPairs) % 2;
      if (column == 0)  // half of the unit's lines
        for (size_t line = 0; line < Bits * kPanelWidth / 2; line += 64 / sizeof(uint32_t))
          _mm_prefetch(reinterpret_cast<const char*>(words + half * Bits * kPanelWidth / 2 + line) + kAhead, _MM_HINT_T0);
      add_half<Bits>(words + column, half, rows, k - begin, sums);
    }
    add_stretch<Bits>(weight.grids().scales(panel, group), weight.grids().zeros(panel, group), rows, column, sums, product);
  }
}

template <size_t Bits, size_t Rows>
[[gnu::target("avx2,fma,f16c")]] void multiply(const IntGroupLinear& weight, size_t panel, size_t begin,
                                               PanelProduct<uint16_t> product) {
  constexpr size_t kVectors = kMostRows / Rows;  // eight sums in registers
  const FixInputs fix = fix_inputs(Isa::avx2);
  FixedInputs rows[Rows];
  for (size_t r = 0; r < Rows; ++r) std::fill_n(product.y + r * product.y_stride, kPanelWidth, 0.0f);
  const size_t end = begin + product.k;
  for (size_t k = begin; k < end;) {
    const size_t group_end = weight.grids().group_end(weight.grids().group_at(k));
    const size_t stretch_end = std::min({end, group_end, k + kMostFixedInputs});
    for (size_t r = 0; r < Rows; ++r) fix(product.x + r * product.x_stride + k - begin, stretch_end - k, rows[r]);
    multiply_stretch<Bits, Rows, kVectors>(weight, panel, k, stretch_end, rows, product);
    k = stretch_end;
  }
}

template <size_t Bits>
constexpr std::array<IntGroupKernel, 4> kRows = {multiply<Bits, 1>, multiply<Bits, 2>, multiply<Bits, 4>, multiply<Bits, kMostRows>};
constexpr std::array kKernels = {kRows<2>, kRows<3>, kRows<4>, kRows<5>, kRows<6>, kRows<7>, kRows<8>};

}  // namespace

std::span<const IntGroupKernel> int_group_kernels_avx2(size_t bits) { return kKernels[bits - 2]; }

}  // namespace evalharness::detail
