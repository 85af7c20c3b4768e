// AVX2 sums the products of bytes by pairs in 16 bits, where those of eight bits by eight may not fit. Codes are multiplied as
// two halves of four bits, whose pairs are so small that those of 32 inputs are summed in 16 bits.
#include <immintrin.h>

#include "harness/math/ask_ahead.h"
#include "harness/backend/kernels/in_order.h"
#include "harness/backend/kernels/int8_multiply_isa.h"

namespace evalharness::detail {
namespace {

constexpr size_t kLanes = 8;
constexpr size_t kUnit = IntGroupLinear::kUnit;

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i load(const void* place) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(place));
}
[[gnu::target("avx2"), gnu::always_inline]] inline void store(int32_t* place, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(place), value);
}

[[gnu::target("avx2"), gnu::always_inline]] inline void add_pairs(__m256i& sum, __m256i codes, __m256i x) {
  sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, x));
  in_order(sum);
}

// Sums of the pairs of 32 inputs' low and high halves of codes: eight of at most 2 * 15 * 127.
struct Halves {
  __m256i low, high;
  [[gnu::target("avx2"), gnu::always_inline]] __m256i sum() const {
    return _mm256_add_epi32(_mm256_madd_epi16(low, _mm256_set1_epi16(1)), _mm256_madd_epi16(high, _mm256_set1_epi16(16)));
  }
};
static_assert(kUnit / 4 * 2 * 15 * 127 <= INT16_MAX);

// Outputs [column, column + 8) of a few rows.
template <size_t Rows>
[[gnu::target("avx2"), gnu::always_inline]] inline void block(const Int8Product& product, size_t column) {
  const __m256i nibbles = _mm256_set1_epi8(15);
  __m256i sum[Rows];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) sum[r] = product.add ? load(product.y + r * kPanelWidth + column) : _mm256_setzero_si256();
  const uint8_t* codes = product.panel + column * kQuad;
  for (size_t k = 0; k < product.k; k += kUnit) {
    Halves halves[Rows] = {};
#pragma GCC unroll 8
    for (size_t j = 0; j < kUnit; j += kQuad, codes += kQuadBytes) {
      const __m256i quads = load(codes);
      const __m256i low = _mm256_and_si256(quads, nibbles), high = _mm256_and_si256(_mm256_srli_epi16(quads, 4), nibbles);
#pragma GCC unroll 4
      for (size_t r = 0; r < Rows; ++r) {
        const __m256i x = _mm256_set1_epi32(quad_at(product.x + r * product.x_stride + k + j));
        add_pairs(halves[r].low, low, x);
        add_pairs(halves[r].high, high, x);
      }
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) sum[r] = _mm256_add_epi32(sum[r], halves[r].sum());
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) store(product.y + r * kPanelWidth + column, sum[r]);
}

template <size_t Rows>
[[gnu::target("avx2")]] void multiply_rows(const Int8Product& product) {
  for (size_t column = 0; column < kPanelWidth; column += kLanes) block<Rows>(product, column);
}

// Two planes of four bits of 32 inputs' codes, whose bytes meet x in the order that it is in.
template <size_t Rows>
[[gnu::target("avx2")]] void multiply_packed(const IntGroupLinear& weight, size_t panel, size_t begin, const Int8Product& product) {
  constexpr size_t kWords = 4, kPlaneWords = kWords * kPanelWidth;
  constexpr size_t kAhead = 2048;  // bytes between the load and the line asked for
  const __m256i nibbles = _mm256_set1_epi8(15);
  std::fill_n(product.y, Rows * kPanelWidth, 0);
  for (size_t k = 0; k < product.k; k += kUnit) {
    const uint32_t* const words = weight.codes(panel, begin + k);
    for (size_t line = 0; line < 2 * kPlaneWords; line += 64 / sizeof *words) ask_ahead<kAhead>(words + line);
    for (size_t column = 0; column < kPanelWidth; column += kLanes) {
      Halves halves[Rows] = {};
#pragma GCC unroll 4
      for (size_t word = 0; word < kWords; ++word) {
        const __m256i low = load(words + word * kPanelWidth + column);
        const __m256i high = load(words + kPlaneWords + word * kPanelWidth + column);
        const __m256i low_first = _mm256_and_si256(low, nibbles), low_second = _mm256_and_si256(_mm256_srli_epi16(low, 4), nibbles);
        const __m256i high_first = _mm256_and_si256(high, nibbles), high_second = _mm256_and_si256(_mm256_srli_epi16(high, 4), nibbles);
#pragma GCC unroll 4
        for (size_t r = 0; r < Rows; ++r) {
          const int8_t* const x = product.x + r * product.x_stride + k + 2 * kQuad * word;
          const __m256i first = _mm256_set1_epi32(quad_at(x)), second = _mm256_set1_epi32(quad_at(x + kQuad));
          add_pairs(halves[r].low, low_first, first);
          add_pairs(halves[r].high, high_first, first);
          add_pairs(halves[r].low, low_second, second);
          add_pairs(halves[r].high, high_second, second);
        }
      }
#pragma GCC unroll 4
      for (size_t r = 0; r < Rows; ++r) {
        int32_t* const y = product.y + r * kPanelWidth + column;
        store(y, _mm256_add_epi32(load(y), halves[r].sum()));
      }
    }
  }
}

}  // namespace

void multiply_int8_avx2(const Int8Product& all) {
  using Multiply = void (*)(const Int8Product&);
  constexpr Multiply kRows[] = {multiply_rows<1>, multiply_rows<2>, multiply_rows<3>, multiply_rows<4>};
  in_blocks<4>(all, [&](const Int8Product& product) { kRows[product.rows - 1](product); });
}

void multiply_int8_packed_avx2(const IntGroupLinear& weight, size_t panel, size_t begin, const Int8Product& all) {
  using Multiply = void (*)(const IntGroupLinear&, size_t, size_t, const Int8Product&);
  constexpr Multiply kRows[] = {multiply_packed<1>, multiply_packed<2>, multiply_packed<3>, multiply_packed<4>};
  in_blocks<4>(all, [&](const Int8Product& product) { kRows[product.rows - 1](weight, panel, begin, product); });
}

}  // namespace evalharness::detail
