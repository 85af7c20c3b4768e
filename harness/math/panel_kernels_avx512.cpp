// AVX-512. Up to six rows keep 6 x 64 sums in 24 registers while the panel streams by once.
#include <immintrin.h>

#include <cstring>

#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 16, kVectors = kPanelWidth / kLanes;
// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 4096;

template <size_t Rows>
[[gnu::target("avx512f"), gnu::always_inline]] inline void load_sums(
    const float* y, size_t stride, bool add, __m512 (&sum)[Rows][kVectors]) {
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      sum[r][v] = add ? _mm512_loadu_ps(y + r * stride + v * kLanes) : _mm512_setzero_ps();
    }
  }
}

template <size_t Rows>
[[gnu::target("avx512f"), gnu::always_inline]] inline void store_sums(
    float* y, size_t stride, const __m512 (&sum)[Rows][kVectors]) {
  for (size_t r = 0; r < Rows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) _mm512_storeu_ps(y + r * stride + v * kLanes, sum[r][v]);
  }
}

[[gnu::always_inline]] inline void ask_for(const void* place) {
  _mm_prefetch(static_cast<const char*>(place) + kAhead, _MM_HINT_T0);
}

[[gnu::always_inline]] inline int pair_at(const uint16_t* place) {
  int pair;
  std::memcpy(&pair, place, sizeof pair);
  return pair;
}

struct F32 {
  using Value = float;
  template <size_t Rows>
  [[gnu::target("avx512f,avx512bw")]] static void block(const PanelProduct<float>& product) {
    __m512 sum[Rows][kVectors];
    load_sums(product.y, product.y_stride, product.add, sum);
    const float* weights = product.panel;
    for (size_t k = 0; k < product.k; ++k, weights += kPanelWidth) {
      __m512 w[kVectors];
      for (size_t v = 0; v < kVectors; ++v) {
        ask_for(weights + v * kLanes);
        w[v] = _mm512_loadu_ps(weights + v * kLanes);
      }
      for (size_t r = 0; r < Rows; ++r) {
        const __m512 x = _mm512_set1_ps(product.x[r * product.x_stride + k]);
        for (size_t v = 0; v < kVectors; ++v) sum[r][v] = _mm512_fmadd_ps(x, w[v], sum[r][v]);
      }
    }
    store_sums(product.y, product.y_stride, sum);
  }
};

struct Bf16 {
  using Value = uint16_t;
  template <size_t Rows>
  [[gnu::target("avx512f,avx512bw,avx512bf16")]] static void block(
      const PanelProduct<uint16_t>& product) {
    __m512 sum[Rows][kVectors];
    load_sums(product.y, product.y_stride, product.add, sum);
    const uint16_t* weights = product.panel;
    for (size_t k = 0; k < product.k; k += 2, weights += 2 * kPanelWidth) {
      __m512i w[kVectors];
      for (size_t v = 0; v < kVectors; ++v) {
        ask_for(weights + 2 * v * kLanes);
        w[v] = _mm512_loadu_si512(weights + 2 * v * kLanes);
      }
      for (size_t r = 0; r < Rows; ++r) {
        const __m512i x = _mm512_set1_epi32(pair_at(product.x + r * product.x_stride + k));
        for (size_t v = 0; v < kVectors; ++v) {
          sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)x, (__m512bh)w[v]);
        }
      }
    }
    store_sums(product.y, product.y_stride, sum);
  }
};

struct WidenedBf16 {
  using Value = uint16_t;
  template <size_t Rows>
  [[gnu::target("avx512f,avx512bw")]] static void block(const PanelProduct<uint16_t>& product) {
    __m512 sum[Rows][kVectors];
    load_sums(product.y, product.y_stride, product.add, sum);
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    const uint16_t* weights = product.panel;
    for (size_t k = 0; k < product.k; k += 2, weights += 2 * kPanelWidth) {
      for (size_t v = 0; v < kVectors; ++v) {
        ask_for(weights + 2 * v * kLanes);
        const __m512i both = _mm512_loadu_si512(weights + 2 * v * kLanes);
        const __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
        const __m512 odd = _mm512_castsi512_ps(_mm512_and_si512(both, upper));
        for (size_t r = 0; r < Rows; ++r) {
          const __m512i x = _mm512_set1_epi32(pair_at(product.x + r * product.x_stride + k));
          const __m512 x_odd = _mm512_castsi512_ps(_mm512_and_si512(x, upper));
          const __m512 x_even = _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
          sum[r][v] = _mm512_fmadd_ps(x_odd, odd, sum[r][v]);
          sum[r][v] = _mm512_fmadd_ps(x_even, even, sum[r][v]);
        }
      }
    }
    store_sums(product.y, product.y_stride, sum);
  }
};

template <class Kernel>
void all_rows(const PanelProduct<typename Kernel::Value>& product) {
  constexpr size_t kMost = 6;
  for (size_t row = 0; row < product.rows;) {
    const size_t left = product.rows - row;
    // Seven or eight rows go as halves: 6 + 1 would stream the panel for a single row.
    const size_t count = left <= kMost ? left : left < 2 * kMost ? (left + 1) / 2 : kMost;
    const auto piece = rows_of(product, row, count);
    switch (count) {
      case 1:
        Kernel::template block<1>(piece);
        break;
      case 2:
        Kernel::template block<2>(piece);
        break;
      case 3:
        Kernel::template block<3>(piece);
        break;
      case 4:
        Kernel::template block<4>(piece);
        break;
      case 5:
        Kernel::template block<5>(piece);
        break;
      default:
        Kernel::template block<6>(piece);
        break;
    }
    row += count;
  }
}

}  // namespace

void few_rows_avx512(const PanelProduct<float>& product) { all_rows<F32>(product); }
void few_rows_avx512(const PanelProduct<uint16_t>& product) { all_rows<WidenedBf16>(product); }
void few_rows_avx512bf16(const PanelProduct<uint16_t>& product) { all_rows<Bf16>(product); }

}  // namespace evalharness::detail
