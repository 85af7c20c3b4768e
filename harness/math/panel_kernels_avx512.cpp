// AVX-512. Up to six rows keep 6 x 64 sums in 24 registers while the panel streams by once.
#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#include "harness/math/ask_ahead.h"
#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 16, kVectors = kPanelWidth / kLanes;
// Bytes between the load and the line asked for where memory sets the pace: hides DRAM's latency.
constexpr size_t kAhead = 4096;
constexpr size_t kAheadOfRow = 8192;
constexpr size_t kStepBytes = 4 * 64;  // of a panel, for each product of a row's input or pair of inputs

// Lines that a pass over the panel asks for, a step's worth at each step, into the second-level cache
// (the first has too few places for lines under way). One or two rows ask for what they come to soon.
// With more rows each pass asks for its share of what lies behind the panel, so that memory never
// rests.
struct Ahead {
  const char* place;
  size_t step;
};

template <class T>
Ahead ahead_of_pass(const PanelProduct<T>& product, size_t pass, size_t passes) {
  const char* const panel = reinterpret_cast<const char*>(product.panel);
  if (product.rows <= 2) return {panel + kAhead, kStepBytes};
  const size_t bytes = product.k * kPanelWidth * sizeof(T);
  return {panel + bytes + pass * bytes / passes, kStepBytes / passes};
}

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

[[gnu::always_inline]] inline void ask_for_step(Ahead& ahead) {
  for (size_t line = 0; line < kStepBytes; line += 64) {
    _mm_prefetch(ahead.place + line, _MM_HINT_T1);
  }
  ahead.place += ahead.step;
}

[[gnu::always_inline]] inline int pair_at(const uint16_t* place) {
  int pair;
  std::memcpy(&pair, place, sizeof pair);
  return pair;
}

struct F32 {
  using Value = float;
  template <size_t Rows>
  [[gnu::target("avx512f,avx512bw")]] static void block(const PanelProduct<float>& product,
                                                           Ahead ahead) {
    __m512 sum[Rows][kVectors];
    load_sums(product.y, product.y_stride, product.add, sum);
    const float* weights = product.panel;
    for (size_t k = 0; k < product.k; ++k, weights += kPanelWidth) {
      __m512 w[kVectors];
      ask_for_step(ahead);
      for (size_t v = 0; v < kVectors; ++v) {
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
      const PanelProduct<uint16_t>& product, Ahead ahead) {
    __m512 sum[Rows][kVectors];
    load_sums(product.y, product.y_stride, product.add, sum);
    const uint16_t* weights = product.panel;
    for (size_t k = 0; k < product.k; k += 2, weights += 2 * kPanelWidth) {
      __m512i w[kVectors];
      ask_for_step(ahead);
      for (size_t v = 0; v < kVectors; ++v) {
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

// One row, by the sums that AMX tiles make (TDPBF16PS): of 16 pairs of inputs the even ones and the odd ones each in their order, then both, then
// what was there.
[[gnu::target("avx512f,avx512bw")]] void one_row_as_tiles(const PanelProduct<uint16_t>& product) {
  constexpr size_t kTilePairs = 16;
  __m512 sum[1][kVectors];
  load_sums(product.y, product.y_stride, product.add, sum);
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  const uint16_t* weights = product.panel;
  for (size_t k = 0; k < product.k; k += 2 * kTilePairs) {
    __m512 even[kVectors] = {}, odd[kVectors] = {};
    for (size_t pair = 0; pair < kTilePairs; ++pair, weights += 2 * kPanelWidth) {
      for (size_t v = 0; v < kVectors; ++v) ask_page_ahead<kAheadOfRow>(weights + 2 * v * kLanes);
      const __m512i x = _mm512_set1_epi32(pair_at(product.x + k + 2 * pair));
      const __m512 x_even = _mm512_castsi512_ps(_mm512_slli_epi32(x, 16)), x_odd = _mm512_castsi512_ps(_mm512_and_si512(x, upper));
      for (size_t v = 0; v < kVectors; ++v) {
        const __m512i both = _mm512_loadu_si512(weights + 2 * v * kLanes);
        even[v] = _mm512_fmadd_ps(x_even, _mm512_castsi512_ps(_mm512_slli_epi32(both, 16)), even[v]);
        odd[v] = _mm512_fmadd_ps(x_odd, _mm512_castsi512_ps(_mm512_and_si512(both, upper)), odd[v]);
      }
    }
    for (size_t v = 0; v < kVectors; ++v) sum[0][v] = _mm512_add_ps(sum[0][v], _mm512_add_ps(even[v], odd[v]));
  }
  store_sums(product.y, product.y_stride, sum);
}

struct WidenedBf16 {
  using Value = uint16_t;
  template <size_t Rows>
  [[gnu::target("avx512f,avx512bw")]] static void block(const PanelProduct<uint16_t>& product,
                                                           Ahead ahead) {
    __m512 sum[Rows][kVectors];
    load_sums(product.y, product.y_stride, product.add, sum);
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    const uint16_t* weights = product.panel;
    for (size_t k = 0; k < product.k; k += 2, weights += 2 * kPanelWidth) {
      ask_for_step(ahead);
      for (size_t v = 0; v < kVectors; ++v) {
        const __m512i both = _mm512_loadu_si512(weights + 2 * v * kLanes);
        const __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
        const __m512 odd = _mm512_castsi512_ps(_mm512_and_si512(both, upper));
        for (size_t r = 0; r < Rows; ++r) {
          const __m512i x = _mm512_set1_epi32(pair_at(product.x + r * product.x_stride + k));
          const __m512 x_odd = _mm512_castsi512_ps(_mm512_and_si512(x, upper));
          const __m512 x_even = _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
          sum[r][v] = _mm512_fmadd_ps(x_even, even, sum[r][v]);  // in the order of AVX2's kernels, which may take single rows
          sum[r][v] = _mm512_fmadd_ps(x_odd, odd, sum[r][v]);
        }
      }
    }
    store_sums(product.y, product.y_stride, sum);
  }
};

template <class Kernel, size_t... Rows>
constexpr auto blocks_of(std::index_sequence<Rows...>) {
  using Block = void (*)(const PanelProduct<typename Kernel::Value>&, Ahead);
  return std::array<Block, sizeof...(Rows)>{Kernel::template block<Rows + 1>...};
}

template <class Kernel>
void all_rows(const PanelProduct<typename Kernel::Value>& product) {
  static constexpr auto kBlocks = blocks_of<Kernel>(std::make_index_sequence<kMostRowsOfPass>());
  const size_t passes = (product.rows + kMostRowsOfPass - 1) / kMostRowsOfPass;
  size_t pass = 0;
  for_passes(product, [&](const PanelProduct<typename Kernel::Value>& rows) {
    kBlocks[rows.rows - 1](rows, ahead_of_pass(product, pass++, passes));
  });
}

}  // namespace

void rows_avx512(const PanelProduct<float>& product) { all_rows<F32>(product); }
void rows_avx512(const PanelProduct<uint16_t>& product) { all_rows<WidenedBf16>(product); }
void row_as_tiles_avx512(const PanelProduct<uint16_t>& product) { one_row_as_tiles(product); }
void rows_avx512bf16(const PanelProduct<uint16_t>& product) { all_rows<Bf16>(product); }

}  // namespace evalharness::detail
