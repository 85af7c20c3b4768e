#include "harness/backend/kernels/expand_multiply.h"

#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#include "harness/math/ask_ahead.h"
#include "harness/backend/kernels/expand_registers.h"
#include "harness/math/panel_kernels.h"

namespace evalharness {
namespace {

constexpr size_t kLanes = 16, kVectors = kPanelWidth / kLanes;
constexpr size_t kSmallLanes = 8, kSmallVectors = kPanelWidth / kSmallLanes;  // AVX2
// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 4096;
// AVX-512 reads faster than the first-level cache's few places for lines under way allow: values come to the second first. What asks for a
// line again takes such a place, too.
constexpr size_t kFar = 8192, kNear = 1024, kWordsOfLine = 8;

[[gnu::always_inline]] inline int pair_at(const uint16_t* place) {
  int pair;
  std::memcpy(&pair, place, sizeof pair);
  return pair;
}

// Of the values of vector v, which end at `next`.
[[gnu::always_inline]] inline void ask_behind(const void* packed, const void* next, size_t v) {
  ask_once_ahead<kFar>(packed, next);
  if (v % 2 == 0) ask_ahead<kNear>(packed);
}

template <size_t Rows, class T>
[[gnu::target("avx512f"), gnu::always_inline]] inline void store_sums(
    const PanelProduct<T>& product, const __m512 (&sum)[Rows][kVectors]) {
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      _mm512_storeu_ps(product.y + r * product.y_stride + v * kLanes, sum[r][v]);
    }
  }
}

template <size_t Rows>
[[gnu::target("avx512f,popcnt")]] void rows_f32(std::span<const uint64_t> mask, const float* packed,
                                                const PanelProduct<float>& product) {
  __m512 sum[Rows][kVectors] = {};
  for (size_t k = 0; k < product.k; ++k) {
    if (k % kWordsOfLine == 0) ask_ahead<kNear>(&mask[k]);
    for (size_t v = 0; v < kVectors; ++v) {
      const auto bits = static_cast<uint16_t>(mask[k] >> 16 * v);
      const float* const next = packed + __builtin_popcount(bits);
      ask_behind(packed, next, v);
      const __m512 w = expand_floats(bits, packed);
      packed = next;
      for (size_t r = 0; r < Rows; ++r) {
        const __m512 x = _mm512_set1_ps(product.x[r * product.x_stride + k]);
        sum[r][v] = _mm512_fmadd_ps(x, w, sum[r][v]);
      }
    }
  }
  store_sums(product, sum);
}

template <size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512bf16,avx512vbmi2,popcnt")]] void rows_bf16(
    std::span<const uint64_t> mask, const uint16_t* packed, const PanelProduct<uint16_t>& product) {
  __m512 sum[Rows][kVectors] = {};
  for (size_t k = 0; k < product.k; k += 2) {
    if (k % kWordsOfLine == 0) ask_ahead<kNear>(&mask[k]);
    for (size_t v = 0; v < kVectors; ++v) {
      const auto bits = static_cast<uint32_t>(mask[k + v / 2] >> 32 * (v % 2));
      const uint16_t* const next = packed + __builtin_popcount(bits);
      ask_behind(packed, next, v);
      const __m512i w = expand_words(bits, packed);
      packed = next;
      for (size_t r = 0; r < Rows; ++r) {
        const __m512i x = _mm512_set1_epi32(pair_at(product.x + r * product.x_stride + k));
        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)x, (__m512bh)w);
      }
    }
  }
  store_sums(product, sum);
}

// One row with AVX2: its 64 sums stay in eight registers.
[[gnu::target("avx2,fma,popcnt")]] void row_f32_avx2(std::span<const uint64_t> mask,
                                                     const float* packed,
                                                     const PanelProduct<float>& product) {
  __m256 sum[kSmallVectors] = {};
  for (size_t k = 0; k < product.k; ++k) {
    const __m256 x = _mm256_broadcast_ss(product.x + k);
#pragma GCC unroll 8
    for (size_t v = 0; v < kSmallVectors; ++v) {
      const uint64_t bits = scaled_byte<kPermutationScale>(mask[k], v);
      if (v % 4 == 0) ask_ahead<kAhead>(packed);
      sum[v] = _mm256_fmadd_ps(x, expand_8_floats(bits, packed), sum[v]);
      packed += __builtin_popcountll(bits);
    }
  }
  for (size_t v = 0; v < kSmallVectors; ++v) _mm256_storeu_ps(product.y + v * kSmallLanes, sum[v]);
}

[[gnu::target("avx2,fma,popcnt")]] void row_bf16_avx2(std::span<const uint64_t> mask,
                                                      const uint16_t* packed,
                                                      const PanelProduct<uint16_t>& product) {
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  __m256 sum[kSmallVectors] = {};
  for (size_t k = 0; k < product.k; k += 2) {
    const __m256i x = _mm256_set1_epi32(pair_at(product.x + k));
    const __m256 x_even = _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
    const __m256 x_odd = _mm256_castsi256_ps(_mm256_and_si256(x, upper));
#pragma GCC unroll 8
    for (size_t v = 0; v < kSmallVectors; ++v) {
      const uint64_t low = scaled_byte<kShuffleScale>(mask[k + v / 4], 2 * (v % 4));
      const uint64_t high = scaled_byte<kShuffleScale>(mask[k + v / 4], 2 * (v % 4) + 1);
      if (v % 4 == 0) ask_ahead<kAhead>(packed);
      const __m128i first = expand_8_words(low, packed);
      packed += __builtin_popcountll(low);
      const __m128i second = expand_8_words(high, packed);
      packed += __builtin_popcountll(high);
      const __m256i w = _mm256_set_m128i(second, first);
      const __m256 w_even = _mm256_castsi256_ps(_mm256_slli_epi32(w, 16));
      const __m256 w_odd = _mm256_castsi256_ps(_mm256_and_si256(w, upper));
      sum[v] = _mm256_fmadd_ps(x_even, w_even, sum[v]);
      sum[v] = _mm256_fmadd_ps(x_odd, w_odd, sum[v]);
    }
  }
  for (size_t v = 0; v < kSmallVectors; ++v) _mm256_storeu_ps(product.y + v * kSmallLanes, sum[v]);
}

bool has_avx512_kernels(Isa isa, Dtype dtype) {
  return dtype == Dtype::f32 ? isa >= Isa::avx512 : isa >= Isa::avx512bf16 && has_vbmi2();
}

template <size_t... Rows>
constexpr auto float_kernels(std::index_sequence<Rows...>) {
  return std::array{&rows_f32<Rows + 1>...};
}
template <size_t... Rows>
constexpr auto bf16_kernels(std::index_sequence<Rows...>) {
  return std::array{&rows_bf16<Rows + 1>...};
}

}  // namespace

size_t most_expanded_rows(Isa isa, Dtype dtype) {
  if (has_avx512_kernels(isa, dtype)) return 32;
  return isa >= Isa::avx2 ? 1 : 0;
}

std::string expanded_kernel(Isa isa, Dtype dtype) {
  if (has_avx512_kernels(isa, dtype)) return dtype == Dtype::f32 ? "avx512 in registers" : "avx512bf16 in registers";
  return isa >= Isa::avx2 ? "avx2 in registers" : "";
}

void multiply_expanded(Isa isa, std::span<const uint64_t> mask, const float* packed,
                       const PanelProduct<float>& product) {
  static constexpr auto kKernels = float_kernels(std::make_index_sequence<detail::kMostRowsOfPass>());
  if (!has_avx512_kernels(isa, Dtype::f32)) return row_f32_avx2(mask, packed, product);
  detail::for_passes(product, [&](const PanelProduct<float>& pass) {
    kKernels[pass.rows - 1](mask, packed, pass);
  });
}

void multiply_expanded(Isa isa, std::span<const uint64_t> mask, const uint16_t* packed,
                       const PanelProduct<uint16_t>& product) {
  static constexpr auto kKernels = bf16_kernels(std::make_index_sequence<detail::kMostRowsOfPass>());
  if (!has_avx512_kernels(isa, Dtype::bf16)) return row_bf16_avx2(mask, packed, product);
  detail::for_passes(product, [&](const PanelProduct<uint16_t>& pass) {
    kKernels[pass.rows - 1](mask, packed, pass);
  });
}

}  // namespace evalharness
