// VNNI sums the products of four bytes in 32 bits: an unsigned code and a signed x.
#include <immintrin.h>

#include "harness/math/ask_ahead.h"
#include "harness/backend/kernels/int8_multiply_isa.h"

namespace evalharness::detail {
namespace {

constexpr size_t kUnit = IntGroupLinear::kUnit;
// Words between the load and the line asked for, into the second-level cache: more requests are under way than the
// first level can wait for, which is what this loop's pace needs of DRAM.
constexpr size_t kAhead = 8192;  // bytes between the load and the line asked for
constexpr uint32_t kNibbles = 0x0f0f0f0f;

template <size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vnni")]] void block(const Int8Product& product) {
  constexpr size_t kVectors = 4, kLanes = 16;
  __m512i sum[Rows][kVectors];
#pragma GCC unroll 6
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) sum[r][v] = _mm512_setzero_si512();
  const uint8_t* codes = product.panel;
  for (size_t k = 0; k < product.k; k += kQuad, codes += kQuadBytes) {
    __m512i w[kVectors];
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) w[v] = _mm512_load_si512(codes + v * kLanes * kQuad);
#pragma GCC unroll 6
    for (size_t r = 0; r < Rows; ++r) {
      const __m512i x = _mm512_set1_epi32(quad_at(product.x + r * product.x_stride + k));
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], w[v], x);
    }
  }
#pragma GCC unroll 6
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      int32_t* const y = product.y + r * kPanelWidth + v * kLanes;
      _mm512_storeu_si512(y, product.add ? _mm512_add_epi32(sum[r][v], _mm512_loadu_si512(y)) : sum[r][v]);
    }
}

// Two planes of 32 inputs' codes, in registers as unpack() writes them.
template <size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vnni")]] void packed_block(const IntGroupLinear& weight, size_t panel,
                                                                      size_t begin, const Int8Product& product) {
  constexpr size_t kVectors = 4, kLanes = 16, kPlaneWords = 4 * kPanelWidth;
  constexpr int kSelect = 0xCA;  // of each bit: mask ? second : third
  const __m512i nibbles = _mm512_set1_epi32(static_cast<int>(kNibbles));
  __m512i sum[Rows][kVectors];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) sum[r][v] = _mm512_setzero_si512();
  for (size_t k = 0; k < product.k; k += kUnit) {
    const uint32_t* words = weight.codes(panel, begin + k);
    // In rising order of lines, which loads of two planes are not: the machine then fetches ahead itself.
    const uint32_t* ahead = words;
    const int8_t* x = product.x + k;
    for (size_t word = 0; word < 4; ++word, words += kPanelWidth, x += 2 * kQuad) {
      __m512i first_x[Rows], second_x[Rows];
#pragma GCC unroll 4
      for (size_t r = 0; r < Rows; ++r) {
        first_x[r] = _mm512_set1_epi32(quad_at(x + r * product.x_stride));
        second_x[r] = _mm512_set1_epi32(quad_at(x + r * product.x_stride + kQuad));
      }
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) {
        ask_page_ahead<kAhead>(ahead);
        ask_page_ahead<kAhead>(ahead + kLanes);
        ahead += 2 * kLanes;
        const __m512i low = _mm512_loadu_si512(words + v * kLanes);
        const __m512i high = _mm512_loadu_si512(words + kPlaneWords + v * kLanes);
        const __m512i first = _mm512_ternarylogic_epi32(nibbles, low, _mm512_slli_epi32(high, 4), kSelect);
        const __m512i second = _mm512_ternarylogic_epi32(nibbles, _mm512_srli_epi32(low, 4), high, kSelect);
#pragma GCC unroll 4
        for (size_t r = 0; r < Rows; ++r) {
          sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], first, first_x[r]);
          sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], second, second_x[r]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) _mm512_storeu_si512(product.y + r * kPanelWidth + v * kLanes, sum[r][v]);
}

}  // namespace

void multiply_int8_vnni(const Int8Product& all) {
  using Block = void (*)(const Int8Product&);
  constexpr Block kBlocks[] = {block<1>, block<2>, block<3>, block<4>, block<5>, block<6>};
  in_blocks<6>(all, [&](const Int8Product& product) { kBlocks[product.rows - 1](product); });
}

void multiply_int8_packed_vnni(const IntGroupLinear& weight, size_t panel, size_t begin, const Int8Product& all) {
  using Block = void (*)(const IntGroupLinear&, size_t, size_t, const Int8Product&);
  constexpr Block kBlocks[] = {packed_block<1>, packed_block<2>, packed_block<3>, packed_block<4>};
  in_blocks<4>(all, [&](const Int8Product& product) { kBlocks[product.rows - 1](weight, panel, begin, product); });
}

}  // namespace evalharness::detail
