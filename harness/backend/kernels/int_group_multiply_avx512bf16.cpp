
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "harness/backend/kernels/int_group_multiply_isa.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 16, kVectors = kPanelWidth / kLanes;
constexpr size_t kStep = 16, kStepPairs = kStep / 2;  // inputs at a time: half a unit
constexpr size_t kMostRows = 4;                       // of x that registers hold sums for
// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace. Lines go
// to the second-level cache: where two planes are read in turn the hardware foresees nothing, and the
// first level has too few places for lines under way.
constexpr size_t kAhead = 4096;

// bfloat16 by the lowest bits of a code. A permutation looks at five bits, so an index may keep
// what lies above its `width`.
using Table = std::array<uint16_t, 32>;
constexpr Table make_table(size_t width, int step, int offset) {
  Table table{};
  for (size_t i = 0; i < table.size(); ++i) {
    const int value = static_cast<int>(i & ((size_t{1} << width) - 1)) * step - offset;
    table[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16);
  }
  return table;
}

// A code of up to five bits is looked up at once, a longer one as its lower four bits and the rest.
constexpr int middle(size_t bits) { return 1 << (bits - 1); }
constexpr size_t low_width(size_t bits) { return bits <= 5 ? bits : 4; }
template <size_t Bits>
alignas(64) constexpr Table kLow = make_table(low_width(Bits), 1, Bits <= 5 ? middle(Bits) : 0);
template <size_t Bits>
alignas(64) constexpr Table kHigh = make_table(Bits - low_width(Bits), 16, middle(Bits));

[[gnu::always_inline]] inline int pair_at(const uint16_t* place) {
  int pair;
  std::memcpy(&pair, place, sizeof pair);
  return pair;
}

[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), gnu::always_inline]] inline __m512i
load_words(const uint32_t* words, size_t v) {
  const uint32_t* const place = words + v * kLanes;
  _mm_prefetch(reinterpret_cast<const char*>(place) + kAhead, _MM_HINT_T1);
  return _mm512_loadu_si512(place);
}

template <size_t Rows>
struct Sums {
  __m512 of[Rows][kVectors];
};

// sums += x * table[bits of the codes], over 16 inputs. `words` is the first plane that these bits
// lie in: [nibbles: 4 words | pairs of bits: 2 words], then a word of single bits where Width is
// odd. `half` says which half of the unit.
template <size_t Width, size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), gnu::always_inline]] inline void
add_bits(const uint32_t* words, size_t half, const Table& values,
         const PanelProduct<uint16_t>& product, Sums<Rows>& sums) {
  constexpr size_t kPlane = Width >= 4 ? 4 : 2;  // bits of the wide plane
  constexpr size_t kWords = kPlane / 2;          // of the plane in half a unit
  constexpr size_t kWordPairs = kStepPairs / kWords;
  constexpr bool kSingle = Width % 2 == 1;
  const __m512i table = _mm512_load_si512(values.data());
  const __m512i single_place = _mm512_set1_epi32(0x00010001 << kPlane);
  __m512i wide[kVectors], single[kVectors];
  if constexpr (kSingle) {
    // Turned so that the bit of the next pair is always at its place in the index.
    const __m512i turn =
        _mm512_set1_epi32(static_cast<int>((32 + kPlane - half * kStepPairs) % 32));
    for (size_t v = 0; v < kVectors; ++v)
      single[v] = _mm512_rolv_epi32(load_words(words + kPlane * kPanelWidth, v), turn);
  }
#pragma GCC unroll 8
  for (size_t pair = 0; pair < kStepPairs; ++pair) {
    if (pair % kWordPairs == 0) {
      const uint32_t* const place = words + (half * kWords + pair / kWordPairs) * kPanelWidth;
      for (size_t v = 0; v < kVectors; ++v) wide[v] = load_words(place, v);
    }
    __m512i x[Rows];
    for (size_t r = 0; r < Rows; ++r)
      x[r] = _mm512_set1_epi32(pair_at(product.x + r * product.x_stride + 2 * pair));
    for (size_t v = 0; v < kVectors; ++v) {
      __m512i index = wide[v];
      if constexpr (kSingle) {
        index = _mm512_ternarylogic_epi32(single_place, single[v], index, 0xCA);  // place ? b : c
        single[v] = _mm512_ror_epi32(single[v], 1);
      }
      const __m512i w = _mm512_permutexvar_epi16(index, table);
      wide[v] = _mm512_srli_epi32(wide[v], kPlane);
      for (size_t r = 0; r < Rows; ++r)
        sums.of[r][v] = _mm512_dpbf16_ps(sums.of[r][v], (__m512bh)x[r], (__m512bh)w);
    }
  }
}

template <size_t Bits, size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), gnu::always_inline]] inline void
add_step(const uint32_t* words, size_t half, const PanelProduct<uint16_t>& product,
         Sums<Rows>& sums) {
  add_bits<low_width(Bits)>(words, half, kLow<Bits>, product, sums);
  if constexpr (Bits > 5)
    add_bits<Bits - 4>(words + 4 * kPanelWidth, half, kHigh<Bits>, product, sums);
}

// The sum of `count` inputs, a multiple of 16.
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]] float sum_inputs(const uint16_t* x,
                                                                                  size_t count) {
  const __m256i ones = _mm256_set1_epi16(0x3f80);
  __m256 sum = _mm256_setzero_ps();
  for (size_t k = 0; k < count; k += 16) {
    const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + k));
    sum = _mm256_dpbf16_ps(sum, (__m256bh)values, (__m256bh)ones);
  }
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

// zero - 2^(bits-1): what the sums of x * (code - 2^(bits-1)) are too high by, for each x.
template <size_t Bits>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), gnu::always_inline]] inline __m512
zero_offset(const uint8_t* zeros, size_t v) {
  constexpr bool kPacked = Bits <= 4;
  const uint8_t* const place = zeros + (kPacked ? v % 2 : v) * kLanes;
  __m512i codes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(place)));
  if (kPacked && v >= 2) codes = _mm512_srli_epi32(codes, 4);
  if (kPacked) codes = _mm512_and_si512(codes, _mm512_set1_epi32(15));
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(codes, _mm512_set1_epi32(middle(Bits))));
}

// y += scale * (sums - (zero - 2^(bits-1)) * sum of x).
template <size_t Bits, size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), gnu::always_inline]] inline void
add_group(const std::byte* scales, const uint8_t* zeros, const float (&x_sums)[Rows],
          Sums<Rows>& sums, const PanelProduct<uint16_t>& product) {
  for (size_t v = 0; v < kVectors; ++v) {
    const auto* const halves = reinterpret_cast<const __m256i*>(scales) + v;
    const __m512 scale = _mm512_cvtph_ps(_mm256_loadu_si256(halves));
    if (zeros != nullptr) {
      const __m512 offset = zero_offset<Bits>(zeros, v);
      for (size_t r = 0; r < Rows; ++r)
        sums.of[r][v] = _mm512_fnmadd_ps(offset, _mm512_set1_ps(x_sums[r]), sums.of[r][v]);
    }
    for (size_t r = 0; r < Rows; ++r) {
      float* const y = product.y + r * product.y_stride + v * kLanes;
      _mm512_storeu_ps(y, _mm512_fmadd_ps(scale, sums.of[r][v], _mm512_loadu_ps(y)));
    }
  }
}

template <size_t Bits, size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]] void multiply(
    const IntGroupLinear& weight, size_t panel, size_t begin, PanelProduct<uint16_t> product) {
  for (size_t r = 0; r < Rows; ++r)
    std::fill_n(product.y + r * product.y_stride, kPanelWidth, 0.0f);
  const size_t end = begin + product.k;
  for (size_t k = begin; k < end;) {
    const size_t group = weight.grids().group_at(k);
    const size_t group_end = std::min(end, weight.grids().group_end(group));
    const uint8_t* const zeros = weight.grids().zeros(panel, group);
    float x_sums[Rows] = {};
    for (size_t r = 0; zeros != nullptr && r < Rows; ++r)
      x_sums[r] = sum_inputs(product.x + r * product.x_stride, group_end - k);
    Sums<Rows> sums;
    for (size_t r = 0; r < Rows; ++r)
      for (size_t v = 0; v < kVectors; ++v) sums.of[r][v] = _mm512_setzero_ps();
    for (; k < group_end; k += kStep, product.x += kStep)
      add_step<Bits, Rows>(weight.codes(panel, k), k / kStep % 2, product, sums);
    add_group<Bits, Rows>(weight.grids().scales(panel, group), zeros, x_sums, sums, product);
  }
}

template <size_t Bits>
constexpr std::array<IntGroupKernel, 3> kRows = {multiply<Bits, 1>, multiply<Bits, 2>, multiply<Bits, kMostRows>};
constexpr std::array kKernels = {kRows<2>, kRows<3>, kRows<4>, kRows<5>, kRows<6>, kRows<7>, kRows<8>};

}  // namespace

std::span<const IntGroupKernel> int_group_kernels_avx512bf16(size_t bits) { return kKernels[bits - 2]; }

}  // namespace evalharness::detail
