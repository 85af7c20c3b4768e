// AVX2 + FMA. Sixteen registers: one row keeps all 64 sums; two or three rows take the panel in two
// halves. bfloat16 pairs are widened by a shift and a mask.
#include <immintrin.h>

#include <cstring>

#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 8;
// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 4096;

// Columns [column, column + 8 * Vectors).
template <size_t Rows, size_t Vectors>
[[gnu::target("avx2,fma")]] void block(const PanelProduct<float>& product, size_t column) {
  float* const y = product.y + column;
  __m256 sum[Rows][Vectors];
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < Vectors; ++v) {
      sum[r][v] = product.add ? _mm256_loadu_ps(y + r * product.y_stride + v * kLanes)
                              : _mm256_setzero_ps();
    }
  }
  const float* weights = product.panel + column;
  for (size_t k = 0; k < product.k; ++k, weights += kPanelWidth) {
    __m256 x[Rows];
    for (size_t r = 0; r < Rows; ++r)
      x[r] = _mm256_broadcast_ss(product.x + r * product.x_stride + k);
    for (size_t v = 0; v < Vectors; ++v) {
      const float* const place = weights + v * kLanes;
      if (v % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(place) + kAhead, _MM_HINT_T0);
      const __m256 w = _mm256_loadu_ps(place);
      for (size_t r = 0; r < Rows; ++r) sum[r][v] = _mm256_fmadd_ps(x[r], w, sum[r][v]);
    }
  }
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < Vectors; ++v) {
      _mm256_storeu_ps(y + r * product.y_stride + v * kLanes, sum[r][v]);
    }
  }
}

template <size_t Rows, size_t Vectors>
[[gnu::target("avx2,fma")]] void block(const PanelProduct<uint16_t>& product, size_t column) {
  float* const y = product.y + column;
  __m256 sum[Rows][Vectors];
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < Vectors; ++v) {
      sum[r][v] = product.add ? _mm256_loadu_ps(y + r * product.y_stride + v * kLanes)
                              : _mm256_setzero_ps();
    }
  }
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  const uint16_t* weights = product.panel + column * 2;
  for (size_t k = 0; k < product.k; k += 2, weights += kPanelWidth * 2) {
    __m256 even[Rows], odd[Rows];
    for (size_t r = 0; r < Rows; ++r) {
      int pair;
      std::memcpy(&pair, product.x + r * product.x_stride + k, sizeof pair);
      const __m256i both = _mm256_set1_epi32(pair);
      even[r] = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
      odd[r] = _mm256_castsi256_ps(_mm256_and_si256(both, upper));
    }
    for (size_t v = 0; v < Vectors; ++v) {
      const uint16_t* const place = weights + v * kLanes * 2;
      if (v % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(place) + kAhead, _MM_HINT_T0);
      const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(place));
      const __m256 w_even = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
      const __m256 w_odd = _mm256_castsi256_ps(_mm256_and_si256(both, upper));
      for (size_t r = 0; r < Rows; ++r) {
        sum[r][v] = _mm256_fmadd_ps(odd[r], w_odd, sum[r][v]);
        sum[r][v] = _mm256_fmadd_ps(even[r], w_even, sum[r][v]);
      }
    }
  }
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < Vectors; ++v) {
      _mm256_storeu_ps(y + r * product.y_stride + v * kLanes, sum[r][v]);
    }
  }
}

template <size_t Rows, class T>
void halves(const PanelProduct<T>& product) {
  block<Rows, 4>(product, 0);
  block<Rows, 4>(product, kPanelWidth / 2);
}

template <class T>
void all_rows(const PanelProduct<T>& product) {
  for (size_t row = 0; row < product.rows;) {
    const size_t count = product.rows - row >= 3 ? 3 : product.rows - row;
    const PanelProduct<T> piece = rows_of(product, row, count);
    if (count == 1) block<1, 8>(piece, 0);
    if (count == 2) halves<2>(piece);
    if (count == 3) halves<3>(piece);
    row += count;
  }
}

}  // namespace

void rows_avx2(const PanelProduct<float>& product) { all_rows(product); }
void rows_avx2(const PanelProduct<uint16_t>& product) { all_rows(product); }

}  // namespace evalharness::detail
