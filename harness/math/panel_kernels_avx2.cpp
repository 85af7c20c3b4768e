// AVX2 + FMA. Sixteen registers: one row keeps all 64 sums; two or three rows take the panel in two
// halves, four rows of it in quarters, whose inputs are turned side by side. bfloat16 pairs are widened by a shift and a mask.
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "harness/base/error.h"
#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 8;

// Bytes between the load and the line asked for.
constexpr size_t kAhead = 1024;

// Calls at(k, values from what it reads to what it asks for, or 0) for k = 0, step, 2 step, ... < depth. What is streamed is read in
// four strands side by side: of one strand too few lines are under way to fill the memory's bandwidth (Zen 3: 35 of 50 GB/s, with
// software prefetch 40; four strands 47). Several rows would not need them, but a row's sum has one order whoever is beside it; they ask
// for lines all along. The end of each strand asks for its beginning in the tile behind this one in memory (a single row: up to
// 6 % faster; lines asked for all along make it slower).
template <class T, bool kAsks, class At>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline void over_depth(size_t depth, bool streamed, const At& at) {
  constexpr size_t kStep = sizeof(float) / sizeof(T), kAheadInputs = kAhead / (kPanelWidth * sizeof(T));
  const size_t strand = streamed ? depth / (4 * kStep) * kStep : 0, last = strand - std::min(strand, kAheadInputs);
  const auto strands = [&](size_t begin, size_t end, size_t ahead) __attribute__((target("avx2,fma"), always_inline)) {
    for (size_t k = begin; k < end; k += kStep)
#pragma GCC unroll 1
      for (size_t s = 0; s < 4; ++s) at(s * strand + k, ahead);
  };
  constexpr size_t kAlong = kAsks ? kAheadInputs * kPanelWidth : 0;
  strands(0, last, kAlong);
  strands(last, strand, (kAheadInputs + depth - strand) * kPanelWidth);
  for (size_t k = 4 * strand; k < depth; k += kStep) at(k, kAlong);
}

// Where several rows take a panel in halves the first asks for the lines of the second too.
template <class T>
[[gnu::target("avx2,fma"), gnu::always_inline]] inline void ask_for_row(const T* weights, size_t ahead, size_t column) {
  if (ahead == 0 || column != 0) return;
  for (size_t line = 0; line < 256; line += 64) _mm_prefetch(reinterpret_cast<const char*>(weights + ahead) + line, _MM_HINT_T0);
}

// Columns [column, column + 8 * Vectors).
template <size_t Rows, size_t Vectors>
struct Sums {
  [[gnu::target("avx2,fma"), gnu::always_inline]] Sums(float* to, size_t row_stride, bool add) : y(to), stride(row_stride) {
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
      for (size_t v = 0; v < Vectors; ++v) sum[r][v] = add ? _mm256_loadu_ps(y + r * stride + v * kLanes) : _mm256_setzero_ps();
  }
  [[gnu::target("avx2,fma"), gnu::always_inline]] void store() const {
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
      for (size_t v = 0; v < Vectors; ++v) _mm256_storeu_ps(y + r * stride + v * kLanes, sum[r][v]);
  }
  float* const y;
  const size_t stride;
  __m256 sum[Rows][Vectors];
};

template <size_t Rows, size_t Vectors>
[[gnu::target("avx2,fma")]] void block(const PanelProduct<float>& product, size_t column) {
  Sums<Rows, Vectors> sums(product.y + column, product.y_stride, product.add);
  over_depth<float, (Rows > 1)>(product.k, product.streamed, [&](size_t k, size_t ahead) __attribute__((target("avx2,fma"), always_inline)) {
    __m256 x[Rows];
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r) x[r] = _mm256_broadcast_ss(product.x + r * product.x_stride + k);
    const float* const weights = product.panel + k * kPanelWidth + column;
    ask_for_row(weights, ahead, column);
#pragma GCC unroll 8
    for (size_t v = 0; v < Vectors; ++v) {
      const __m256 w = _mm256_loadu_ps(weights + v * kLanes);
#pragma GCC unroll 8
      for (size_t r = 0; r < Rows; ++r) sums.sum[r][v] = _mm256_fmadd_ps(x[r], w, sums.sum[r][v]);
    }
  });
  sums.store();
}

template <size_t Rows, size_t Vectors>
[[gnu::target("avx2,fma")]] void block(const PanelProduct<uint16_t>& product, size_t column) {
  Sums<Rows, Vectors> sums(product.y + column, product.y_stride, product.add);
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  over_depth<uint16_t, (Rows > 1)>(product.k, product.streamed, [&](size_t k, size_t ahead) __attribute__((target("avx2,fma"), always_inline)) {
    __m256 even[Rows], odd[Rows];
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r) {
      int pair;
      std::memcpy(&pair, product.x + r * product.x_stride + k, sizeof pair);
      const __m256i both = _mm256_set1_epi32(pair);
      even[r] = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
      odd[r] = _mm256_castsi256_ps(_mm256_and_si256(both, upper));
    }
    ask_for_row(product.panel + k * kPanelWidth, ahead, column);
    const uint16_t* const weights = product.panel + k * kPanelWidth + column * 2;
#pragma GCC unroll 8
    for (size_t v = 0; v < Vectors; ++v) {
      const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + v * kLanes * 2));
      const __m256 w_even = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
      const __m256 w_odd = _mm256_castsi256_ps(_mm256_and_si256(both, upper));
#pragma GCC unroll 8
      for (size_t r = 0; r < Rows; ++r) {
        sums.sum[r][v] = _mm256_fmadd_ps(even[r], w_even, sums.sum[r][v]);
        sums.sum[r][v] = _mm256_fmadd_ps(odd[r], w_odd, sums.sum[r][v]);
      }
    }
  });
  sums.store();
}

template <size_t Rows, class T>
void halves(const PanelProduct<T>& product) {
  block<Rows, 4>(product, 0);
  block<Rows, 4>(product, kPanelWidth / 2);
}

template <class T>
void up_to_three_rows(const PanelProduct<T>& product) {
  if (product.rows == 1) block<1, 8>(product, 0);
  if (product.rows == 2) halves<2>(product);
  if (product.rows == 3) halves<3>(product);
}

// Inputs that are neighbours in a panel.
template <class T>
constexpr size_t kStep = std::is_same_v<T, float> ? 1 : 2;

// A part of a panel that stays in the first-level cache from one four rows to the next: inputs [begin, begin + count) of each
// of kStrands strands, read by turns. Four strands where the panel is streamed (the order of over_depth), else one.
template <class T, size_t kStrands>
struct Stretch {
  // What is multiplied is 16 KiB of a cached panel; of a streamed one less, the next stretch being on its way beside it.
  static constexpr size_t kMost = kStrands == 1 ? 256 / sizeof(T) : 48 / sizeof(T);
  size_t strand, begin, count;
};

[[gnu::target("avx2"), gnu::always_inline]] inline __m128 four_floats(const float* place) { return _mm_loadu_ps(place); }
[[gnu::target("avx2"), gnu::always_inline]] inline __m128 four_floats(const uint16_t* place) {
  const __m128i four = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(place));
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(four), 16));
}

// The inputs of four rows in the order of the stretch, to[input][row]: side by side they cost one address.
template <class T, size_t kStrands>
[[gnu::target("avx2")]] void turn(const PanelProduct<T>& product, const Stretch<T, kStrands>& stretch, float* to) {
  constexpr size_t kSteps = 4 / kStep<T>;  // four inputs of a strand lie apart, other strands' between
  for (size_t k = stretch.begin; k < stretch.begin + stretch.count; k += 4, to += 4 * kStrands * kTurnedRows)
    for (size_t s = 0; s < kStrands; ++s) {
      __m128 row[kTurnedRows];
#pragma GCC unroll 4
      for (size_t r = 0; r < kTurnedRows; ++r) row[r] = four_floats(product.x + r * product.x_stride + s * stretch.strand + k);
      _MM_TRANSPOSE4_PS(row[0], row[1], row[2], row[3]);
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) {
        const size_t step = i / (4 / kSteps), side = i % (4 / kSteps);
        _mm_store_ps(to + ((step * kStrands + s) * kStep<T> + side) * kTurnedRows, row[i]);
      }
    }
}

[[gnu::target("avx2"), gnu::always_inline]] inline __m256 load_weights(const float* from, size_t) { return _mm256_loadu_ps(from); }
// The even or the odd inputs of eight pairs.
[[gnu::target("avx2"), gnu::always_inline]] inline __m256 load_weights(const uint16_t* from, size_t side) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  return _mm256_castsi256_ps(side == 0 ? _mm256_slli_epi32(pairs, 16) : _mm256_and_si256(pairs, upper));
}

// Four rows, columns [column, column + 16). Of 105 GFLOP/s that a core of Zen 3 has: 88 in bfloat16, 101 in float32;
// three rows of 32 columns whose inputs lie apart: 67 and 72. What lies `ahead` values behind the strands in kAsk (bits) is asked for.
template <class T, size_t kStrands, unsigned kAsk>
[[gnu::target("avx2,fma")]] void quarter(const PanelProduct<T>& product, const Stretch<T, kStrands>& stretch, const float* x,
                                         size_t column, ptrdiff_t ahead) {
  constexpr size_t kVectors = 2;
  Sums<kTurnedRows, kVectors> sums(product.y + column, product.y_stride, product.add);
  const T* weights = product.panel + stretch.begin * kPanelWidth + column * kStep<T>;
  const size_t apart = stretch.strand * kPanelWidth;
  for (const T* const end = weights + stretch.count * kPanelWidth; weights != end; weights += kStep<T> * kPanelWidth) {
#pragma GCC unroll 4
    for (size_t s = 0; s < kStrands; ++s, x += kStep<T> * kTurnedRows) {
      const T* const from = weights + s * apart;
      if (kAsk >> s & 1) _mm_prefetch(reinterpret_cast<const char*>(from + ahead), _MM_HINT_T0);
#pragma GCC unroll 2
      for (size_t side = 0; side < kStep<T>; ++side) {
        __m256 w[kVectors];
#pragma GCC unroll 8
        for (size_t v = 0; v < kVectors; ++v) w[v] = load_weights(from + v * kLanes * kStep<T>, side);
#pragma GCC unroll 8
        for (size_t r = 0; r < kTurnedRows; ++r) {
          const __m256 value = _mm256_broadcast_ss(x + side * kTurnedRows + r);
#pragma GCC unroll 8
          for (size_t v = 0; v < kVectors; ++v) sums.sum[r][v] = _mm256_fmadd_ps(value, w[v], sums.sum[r][v]);
        }
      }
    }
  }
  sums.store();
}

template <class T, size_t kStrands, unsigned kAsk>
void four_rows(const PanelProduct<T>& product, const Stretch<T, kStrands>& stretch, const float* x, ptrdiff_t ahead) {
  for (size_t column = 0; column < kPanelWidth; column += kPanelWidth / 4) quarter<T, kStrands, kAsk>(product, stretch, x, column, ahead);
}

template <class T>
void cached_rows(PanelProduct<T> product) {
  using Part = Stretch<T, 1>;
  alignas(32) float x[Part::kMost * kTurnedRows];
  const size_t depth = product.k;
  for (size_t begin = 0; begin < depth; begin += Part::kMost) {
    product.k = std::min(Part::kMost, depth - begin);
    size_t row = 0;
    for (; row + kTurnedRows <= product.rows; row += kTurnedRows) {
      const PanelProduct<T> four = rows_of(product, row, kTurnedRows);
      const Part stretch{0, 0, product.k};
      turn(four, stretch, x);
      four_rows<T, 1, 0>(four, stretch, x, 0);
    }
    up_to_three_rows(rows_of(product, row, product.rows - row));
    product.x += product.k;
    product.panel += product.k * kPanelWidth;
    product.add = true;
  }
}

// Calls at(stretch, where it begins in turned rows) for the stretches of a streamed panel.
template <class T, class At>
void over_stretches(size_t depth, const At& at) {
  constexpr size_t kMost = Stretch<T, 4>::kMost;
  const size_t strand = depth / 4;
  EH_ASSERT(strand % 4 == 0);
  for (size_t begin = 0; begin < strand; begin += kMost)
    at(Stretch<T, 4>{strand, begin, std::min(kMost, strand - begin)}, 4 * begin * kTurnedRows);
}

// Four rows and then the next, each in the order of its stretches.
template <class T>
void turn_all(const PanelProduct<T>& product, float* to) {
  for (size_t row = 0; row + kTurnedRows <= product.rows; row += kTurnedRows)
    over_stretches<T>(product.k, [&](const Stretch<T, 4>& stretch, size_t place) {
      turn(rows_of(product, row, kTurnedRows), stretch, to + row * product.k + place);
    });
}

// Rows by four, and the rest, over a panel that comes from memory. While a stretch is multiplied the next one is asked for, half of it by
// the first four rows and half by the next: of eight rows memory and multiplier have equally much to do, and neither waits for the other.
template <class T>
void streamed_rows(const PanelProduct<T>& product) {
  EH_ASSERT(product.turned != nullptr);
  const size_t depth = product.k, fours = product.rows / kTurnedRows;
  PanelProduct<T> part = product;
  over_stretches<T>(depth, [&](const Stretch<T, 4>& stretch, size_t place) {
    // Behind the last stretch lies the first of the tile that is multiplied next, if it is the neighbour.
    const size_t next = stretch.begin + stretch.count < stretch.strand ? stretch.count : depth - stretch.begin;
    const auto ahead = static_cast<ptrdiff_t>(next * kPanelWidth);
    for (size_t four = 0; four < fours; ++four) {
      const PanelProduct<T> rows = rows_of(part, four * kTurnedRows, kTurnedRows);
      const float* const x = product.turned + four * kTurnedRows * depth + place;
      if (four > 1)
        four_rows<T, 4, 0>(rows, stretch, x, ahead);
      else if (four == 1)
        four_rows<T, 4, 0b1100>(rows, stretch, x, ahead);
      else
        fours == 1 ? four_rows<T, 4, 0b1111>(rows, stretch, x, ahead) : four_rows<T, 4, 0b0011>(rows, stretch, x, ahead);
    }
    part.add = true;
  });
  up_to_three_rows(rows_of(product, fours * kTurnedRows, product.rows - fours * kTurnedRows));
}

template <class T>
void all_rows(const PanelProduct<T>& product) {
  if (product.rows < kTurnedRows) return up_to_three_rows(product);
  product.streamed ? streamed_rows(product) : cached_rows(product);
}

}  // namespace

void rows_avx2(const PanelProduct<float>& product) { all_rows(product); }
void rows_avx2(const PanelProduct<uint16_t>& product) { all_rows(product); }
void turn_rows_avx2(const PanelProduct<float>& product, float* to) { turn_all(product, to); }
void turn_rows_avx2(const PanelProduct<uint16_t>& product, float* to) { turn_all(product, to); }

}  // namespace evalharness::detail
