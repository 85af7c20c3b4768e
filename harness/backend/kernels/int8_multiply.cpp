#include "harness/backend/kernels/int8_multiply.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "harness/base/error.h"
#include "harness/math/float16.h"
#include "harness/math/gemm.h"

namespace evalharness {
namespace {

constexpr size_t kUnit = IntGroupLinear::kUnit, kQuad = 4;
constexpr size_t kQuadBytes = kQuad * kPanelWidth;
// Words between the load and the line asked for, into the second-level cache: more requests are under way than the
// first level can wait for, which is what this loop's pace needs of DRAM.
constexpr size_t kAhead = 2048;
constexpr uint32_t kNibbles = 0x0f0f0f0f;

// Plain sources that the compiler turns into vectors of each instruction set.

[[gnu::always_inline]] inline void unpack_inputs(const IntGroupLinear& weight, size_t panel, size_t begin,
                                                 size_t end, uint8_t* to) {
  constexpr size_t kPlaneWords = 4 * kPanelWidth;  // of four bits of 32 inputs
  for (size_t k = begin; k < end; k += kUnit) {
    const uint32_t* const words = weight.codes(panel, k);
    for (size_t word = 0; word < 4; ++word, to += 2 * kQuadBytes) {
      auto* const first = reinterpret_cast<uint32_t*>(to);
      uint32_t* const second = first + kPanelWidth;
      for (size_t lane = 0; lane < kPanelWidth; ++lane) {
        const uint32_t low = words[word * kPanelWidth + lane];
        const uint32_t high = words[kPlaneWords + word * kPanelWidth + lane];
        first[lane] = (low & kNibbles) | (high << 4 & ~kNibbles);
        second[lane] = (low >> 4 & kNibbles) | (high & ~kNibbles);
      }
    }
  }
}

// Eight codes into the order of the bytes, in place.
[[gnu::always_inline]] inline void order_codes(int8_t* codes) {
  using Eight = int8_t __attribute__((vector_size(8)));
  Eight eight;
  std::memcpy(&eight, codes, sizeof eight);
  eight = __builtin_shufflevector(eight, eight, 0, 4, 1, 5, 2, 6, 3, 7);
  std::memcpy(codes, &eight, sizeof eight);
}

// The bits of magnitudes rise with them; a maximum of floats would not become vectors.
[[gnu::always_inline]] inline float largest_magnitude(const float* x, size_t n) {
  uint32_t largest = 0;
  for (size_t j = 0; j < n; ++j) largest = std::max(largest, std::bit_cast<uint32_t>(x[j]) & 0x7fffffffu);
  return std::bit_cast<float>(largest);
}

[[gnu::always_inline]] inline Int8Token quantise_row(const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  if (scale == 0) {
    const float largest = largest_magnitude(x, n);
    const float per_scale = largest > 0 ? 127 / largest : 0;
    for (size_t j = 0; j < n; ++j) codes[j] = static_cast<int8_t>(static_cast<int32_t>(std::nearbyint(x[j] * per_scale)));
    scale = largest / 127;
  } else {
    const float per_scale = 1 / scale;
    for (size_t j = 0; j < n; ++j) {
      const auto code = static_cast<int32_t>(std::nearbyint(std::min(std::max(x[j] * per_scale, -127.0f), 127.0f)));
      codes[j] = static_cast<int8_t>(code);
    }
  }
  std::fill(codes + n, codes + depth, int8_t{0});
  int32_t sum = 0;
  for (size_t j = 0; j < n; ++j) sum += codes[j];
  for (size_t j = 0; j < depth; j += 8) order_codes(codes + j);
  return {scale, sum};
}

void unpack_scalar(const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, uint8_t* to) {
  unpack_inputs(weight, panel, begin, end, to);
}
[[gnu::target("avx2")]] void unpack_avx2(const IntGroupLinear& weight, size_t panel, size_t begin, size_t end,
                                         uint8_t* to) {
  unpack_inputs(weight, panel, begin, end, to);
}
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] void unpack_avx512(
    const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, uint8_t* to) {
  unpack_inputs(weight, panel, begin, end, to);
}
Int8Token quantise_scalar(const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  return quantise_row(x, n, depth, scale, codes);
}
[[gnu::target("avx2")]] Int8Token quantise_avx2(const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  return quantise_row(x, n, depth, scale, codes);
}
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] Int8Token quantise_avx512(
    const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  return quantise_row(x, n, depth, scale, codes);
}

void multiply_scalar(const Int8Product& product) {
  for (size_t r = 0; r < product.rows; ++r) {
    int32_t* const y = product.y + r * kPanelWidth;
    if (!product.add) std::fill_n(y, kPanelWidth, 0);
    for (size_t k = 0; k < product.k; ++k) {
      const int32_t x = product.x[r * product.x_stride + k];
      const uint8_t* const codes = product.panel + k / kQuad * kQuadBytes + k % kQuad;
      for (size_t o = 0; o < kPanelWidth; ++o) y[o] += x * codes[o * kQuad];
    }
  }
}

[[gnu::always_inline]] inline int32_t quad_at(const int8_t* place) {
  int32_t quad;
  std::memcpy(&quad, place, sizeof quad);
  return quad;
}

// Bytes times bytes would saturate in 16 bits, so codes go as two halves of four bits.
template <size_t Rows>
[[gnu::target("avx2")]] void block_avx2(const Int8Product& product, size_t column) {
  constexpr size_t kVectors = 2, kLanes = 8;
  const __m256i nibbles = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1), sixteens = _mm256_set1_epi16(16);
  __m256i sum[Rows][kVectors];
  for (size_t r = 0; r < Rows; ++r)
    for (size_t v = 0; v < kVectors; ++v) {
      const auto* const y = reinterpret_cast<const __m256i*>(product.y + r * kPanelWidth + column + v * kLanes);
      sum[r][v] = product.add ? _mm256_loadu_si256(y) : _mm256_setzero_si256();
    }
  const uint8_t* codes = product.panel + column * kQuad;
  for (size_t k = 0; k < product.k; k += kQuad, codes += kQuadBytes) {
    for (size_t v = 0; v < kVectors; ++v) {
      const __m256i bytes = _mm256_load_si256(reinterpret_cast<const __m256i*>(codes) + v);
      const __m256i low = _mm256_and_si256(bytes, nibbles);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibbles);
      for (size_t r = 0; r < Rows; ++r) {
        const __m256i x = _mm256_set1_epi32(quad_at(product.x + r * product.x_stride + k));
        const __m256i of_low = _mm256_madd_epi16(_mm256_maddubs_epi16(low, x), ones);
        const __m256i of_high = _mm256_madd_epi16(_mm256_maddubs_epi16(high, x), sixteens);
        sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_add_epi32(of_low, of_high));
      }
    }
  }
  for (size_t r = 0; r < Rows; ++r)
    for (size_t v = 0; v < kVectors; ++v)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(product.y + r * kPanelWidth + column + v * kLanes), sum[r][v]);
}

template <size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vnni")]] void block_vnni(const Int8Product& product) {
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

// Two planes of 32 inputs' codes, unpacked as unpack_inputs() does.
template <size_t Rows>
[[gnu::target("avx512f,avx512bw,avx512vnni")]] void packed_block_vnni(const IntGroupLinear& weight, size_t panel,
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
    const uint32_t* ahead = words + kAhead;
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
        _mm_prefetch(ahead, _MM_HINT_T1);
        _mm_prefetch(ahead + kLanes, _MM_HINT_T1);
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

// Calls block(rows) with as many rows as registers hold sums for, at most kMost.
template <size_t kMost, class Block>
void in_blocks(Int8Product product, const Block& block) {
  for (size_t left = product.rows; left > 0;) {
    product.rows = std::min(left, kMost);
    block(product);
    product.x += product.rows * product.x_stride;
    product.y += product.rows * kPanelWidth;
    left -= product.rows;
  }
}

void multiply_avx2(const Int8Product& all) {
  in_blocks<2>(all, [](const Int8Product& product) {
    for (size_t column = 0; column < kPanelWidth; column += 16)
      product.rows == 1 ? block_avx2<1>(product, column) : block_avx2<2>(product, column);
  });
}

void multiply_vnni(const Int8Product& all) {
  using Block = void (*)(const Int8Product&);
  constexpr Block kBlocks[] = {block_vnni<1>, block_vnni<2>, block_vnni<3>, block_vnni<4>, block_vnni<5>, block_vnni<6>};
  in_blocks<6>(all, [&](const Int8Product& product) { kBlocks[product.rows - 1](product); });
}

void multiply_packed_vnni(const IntGroupLinear& weight, size_t panel, size_t begin, const Int8Product& all) {
  using Block = void (*)(const IntGroupLinear&, size_t, size_t, const Int8Product&);
  constexpr Block kBlocks[] = {packed_block_vnni<1>, packed_block_vnni<2>, packed_block_vnni<3>, packed_block_vnni<4>};
  in_blocks<4>(all, [&](const Int8Product& product) { kBlocks[product.rows - 1](weight, panel, begin, product); });
}

}  // namespace

const Int8Kernels& int8_kernels(Isa isa) {
  static const Int8Kernels kScalar{"scalar", unpack_scalar, quantise_scalar, multiply_scalar, nullptr};
  static const Int8Kernels kAvx2{"avx2", unpack_avx2, quantise_avx2, multiply_avx2, nullptr};
  static const Int8Kernels kVnni{"avx512vnni", unpack_avx512, quantise_avx512, multiply_vnni, multiply_packed_vnni};
  if (isa == Isa::scalar) return kScalar;
  return isa >= Isa::avx512 && __builtin_cpu_supports("avx512vnni") ? kVnni : kAvx2;
}

void multiply_int8_few(const Int8Kernels& kernels, const IntGroupLinear& weight, size_t panel, size_t begin,
                       Int8Product product) {
  // Unpacking four times costs as much as writing unpacked codes and reading them back.
  constexpr size_t kMostPackedRows = 8, kBlock = 256;
  if (kernels.multiply_packed != nullptr && product.rows <= kMostPackedRows)
    return kernels.multiply_packed(weight, panel, begin, product);
  alignas(64) uint8_t codes[kBlock * kPanelWidth];  // 16 KiB: they stay in the first-level cache
  const size_t end = begin + product.k;
  for (size_t k = begin; k < end; k += kBlock) {
    product.k = std::min(kBlock, end - k);
    kernels.unpack(weight, panel, k, k + product.k, codes);
    product.panel = codes;
    kernels.multiply(product);
    product.x += product.k;
    product.add = true;
  }
}

void load_int8_scales(const IntGroupLinear& weight, size_t panel, float* scales) {
  const std::byte* const stored = weight.grids().scales(panel, 0);
  if (weight.parameters().dtype == Dtype::f32) {
    std::memcpy(scales, stored, kPanelWidth * sizeof *scales);
    return;
  }
  uint16_t halves[kPanelWidth];
  std::memcpy(halves, stored, sizeof halves);
  for (size_t o = 0; o < kPanelWidth; ++o) scales[o] = from_positive_float16(halves[o]);
}

}  // namespace evalharness
