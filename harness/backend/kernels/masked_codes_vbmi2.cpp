// Expands with AVX512_VBMI2 and sums products with VNNI: of bytes for a row or two, of 16-bit integers for more.
#include <immintrin.h>

#include <algorithm>
#include <array>

#include "harness/backend/kernels/in_order.h"
#include "harness/backend/kernels/masked_codes_isa.h"

#define KERNEL_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512vnni,popcnt"

namespace evalharness::detail {
namespace {

constexpr size_t kWords = kPanelWidth / kWordOutputs;  // of a quad
constexpr size_t kLineWords = 8;                       // of 64 bytes

// For each width the bytes that 64 codes begin in, of eight codes those from the byte that the first begins with, and the bits
// where codes begin there.
struct Places {
  alignas(64) uint8_t bytes[64], bits[64];
};
constexpr auto code_places() {
  std::array<Places, 8> table{};
  for (size_t bits = 0; bits < table.size(); ++bits)
    for (size_t i = 0; i < 64; ++i) {
      table[bits].bytes[i] = static_cast<uint8_t>(i / 8 * bits + i % 8);
      table[bits].bits[i] = static_cast<uint8_t>(i % 8 * bits);
    }
  return table;
}
constexpr auto kPlaces = code_places();

// Two vectors at a time: a line of codes.
[[gnu::target(KERNEL_TARGET)]] void unpack_nibbles(std::span<const uint8_t> codes, uint8_t* to) {
  for (size_t at = 0; at < codes.size(); at += 64) {
    ask(&codes[at]);
#pragma GCC unroll 2
    for (const size_t half : {0, 32}) {
      const __m512i pairs = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes.data() + at + half)));
      // (pairs | pairs << 4) & 0x0f0f
      const __m512i apart = _mm512_ternarylogic_epi32(pairs, _mm512_slli_epi16(pairs, 4), _mm512_set1_epi8(0x0f), 0xa8);
      _mm512_storeu_si512(to + 2 * (at + half), apart);
    }
  }
}

[[gnu::target(KERNEL_TARGET)]] void unpack_vbmi(std::span<const uint8_t> codes, size_t bits, uint8_t* to) {
  if (bits == 4) return unpack_nibbles(codes, to);
  const __m512i bytes = _mm512_load_si512(kPlaces[bits].bytes), shifts = _mm512_load_si512(kPlaces[bits].bits);
  const __m512i mask = _mm512_set1_epi8(static_cast<char>((1 << bits) - 1));
  for (size_t at = 0; at < codes.size(); at += 8 * bits, to += 64) {
    ask(&codes[at]);
    const __m512i eights = _mm512_permutexvar_epi8(bytes, _mm512_loadu_si512(&codes[at]));
    _mm512_storeu_si512(to, _mm512_and_si512(_mm512_multishift_epi64_epi8(shifts, eights), mask));
  }
}

// Four codes of each of sixteen outputs; steps over the codes.
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline __m512i expand_64(uint64_t mask, __m512i zeros, const uint8_t*& codes) {
  const __m512i expanded = _mm512_mask_expand_epi8(zeros, mask, _mm512_loadu_si512(codes));
  codes += __builtin_popcountll(mask);
  return expanded;
}

[[gnu::target(KERNEL_TARGET)]] const uint8_t* expand_vbmi2(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes,
                                                           uint32_t* lanes) {
  for (size_t word = 0; word < mask.size(); word += kLineWords) {
    ask(&mask[word]);
#pragma GCC unroll 8
    for (size_t v = 0; v < kLineWords; ++v, lanes += kWordOutputs)
      _mm512_store_si512(lanes, expand_64(mask[word + v], _mm512_load_si512(zeros + v % kWords * kWordOutputs), codes));
  }
  return codes;
}

// Vectors of all outputs of a panel.
struct Panel {
  __m512i of[kWords];
};

// Four times the zero of each output, as bytes.
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline Panel zero_lanes(const MaskedPiece& piece) {
  const uint8_t* const stored = piece.grids.zeros(piece.panel, piece.group);
  const size_t bits = piece.grids.format().bits;
  const bool packed = bits <= 4;
  Panel lanes;
#pragma GCC unroll 4
  for (size_t v = 0; v < kWords; ++v) {
    if (stored == nullptr) {
      lanes.of[v] = _mm512_set1_epi8(static_cast<char>(1 << (bits - 1)));
      continue;
    }
    const uint8_t* const place = stored + v % (packed ? kWords / 2 : kWords) * kWordOutputs;
    __m512i zeros = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(place)));
    if (packed) zeros = v < kWords / 2 ? _mm512_and_si512(zeros, _mm512_set1_epi32(15)) : _mm512_maskz_srli_epi32(0xffff, zeros, 4);
    lanes.of[v] = _mm512_shuffle_epi8(zeros, _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
  }
  return lanes;
}

// y += scale * (sum of x * code - zero * sum of x).
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline void add_sums(const MaskedPiece& piece, const Panel& zeros, const Panel& sums, const FixedInputs& x, float* y) {
  const std::byte* const scales = piece.grids.scales(piece.panel, piece.group);
#pragma GCC unroll 4
  for (size_t v = 0; v < kWords; ++v, y += kWordOutputs) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales) + v);
    const __m512 scale = _mm512_mul_ps(_mm512_maskz_cvtph_ps(0xffff, halves), _mm512_set1_ps(x.scale));
    const __m512i zero = _mm512_and_si512(zeros.of[v], _mm512_set1_epi32(0xff));
    const __m512i sum = _mm512_sub_epi32(sums.of[v], _mm512_mullo_epi32(zero, _mm512_set1_epi32(x.sum)));
    _mm512_storeu_ps(y, _mm512_fmadd_ps(scale, _mm512_maskz_cvtepi32_ps(0xffff, sum), _mm512_loadu_ps(y)));
  }
}

// Inputs of a piece, the bytes of a quad in another order.
struct Turned {
  alignas(64) int8_t of[kFewTokens][2 * kMostMaskedInputs];
};
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline void turn_quads(std::span<const FixedInputs> rows, size_t inputs, __m512i order, Turned& to) {
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t k = 0; k < inputs; k += 32)
      _mm512_store_si512(to.of[r] + 2 * k, _mm512_shuffle_epi8(_mm512_loadu_si512(rows[r].x + k), order));
}

// x = 256 * upper + lower with an upper byte that has a sign and a lower one that has none.
template <size_t Rows>
struct ByteSums {
  Panel lower[Rows], upper[Rows];
};

template <size_t Rows>
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline void add_quad(const uint64_t* mask, const Panel& zeros, const uint8_t*& codes, const Turned& x, size_t k, ByteSums<Rows>& sums) {
#pragma GCC unroll 4
  for (size_t v = 0; v < kWords; ++v) {
    const __m512i four = expand_64(mask[k + v], zeros.of[v], codes);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      __m512i &lower = sums.lower[r].of[v], &upper = sums.upper[r].of[v];
      lower = _mm512_dpbusd_epi32(lower, _mm512_set1_epi32(word_at(x.of[r] + 2 * k)), four);
      upper = _mm512_dpbusd_epi32(upper, four, _mm512_set1_epi32(word_at(x.of[r] + 2 * k + kQuad)));
      in_order(lower);
      in_order(upper);
    }
  }
}

template <size_t Rows>
[[gnu::target(KERNEL_TARGET)]] const uint8_t* multiply_bytes(const MaskedPiece& piece, const FixedInputs* rows, float* y, size_t y_stride) {
  Turned x;
  turn_quads({rows, Rows}, piece.mask.size(), _mm512_set4_epi32(0x0f0d0b09, 0x0e0c0a08, 0x07050301, 0x06040200), x);
  const Panel zeros = zero_lanes(piece);
  ByteSums<Rows> sums{};
  const uint8_t* codes = piece.codes;
  const uint64_t* const mask = piece.mask.data();
  for (size_t k = 0; k < piece.mask.size(); k += kLineWords) {
    ask(mask + k);
    add_quad(mask, zeros, codes, x, k, sums);
    add_quad(mask, zeros, codes, x, k + kQuad, sums);
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) {
    Panel sum;
#pragma GCC unroll 4
    for (size_t v = 0; v < kWords; ++v) sum.of[v] = _mm512_add_epi32(sums.lower[r].of[v], _mm512_maskz_slli_epi32(0xffff, sums.upper[r].of[v], 8));
    add_sums(piece, zeros, sum, rows[r], y + r * y_stride);
  }
  return codes;
}

// Inputs 1 and 2 of each quad have changed places: a lane masked and a lane shifted are the codes of two pairs.
template <size_t Rows>
[[gnu::target(KERNEL_TARGET)]] void multiply_pairs(const uint32_t* lanes, size_t inputs, const Turned& x, size_t row, Panel* sums) {
  Panel sum[Rows] = {};
  for (size_t k = 0; k < inputs; k += kQuad, lanes += kPanelWidth) {
    Panel even, odd;
#pragma GCC unroll 4
    for (size_t v = 0; v < kWords; ++v) {
      const __m512i four = _mm512_load_si512(lanes + v * kWordOutputs);
      even.of[v] = _mm512_and_si512(four, _mm512_set1_epi16(0xff));
      odd.of[v] = _mm512_srli_epi16(four, 8);
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      const int8_t* const quad = x.of[row + r] + 2 * k;
      const __m512i x_even = _mm512_set1_epi32(word_at(quad)), x_odd = _mm512_set1_epi32(word_at(quad + 4));
#pragma GCC unroll 4
      for (size_t v = 0; v < kWords; ++v) {
        sum[r].of[v] = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum[r].of[v], even.of[v], x_even), odd.of[v], x_odd);
        in_order(sum[r].of[v]);
      }
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) sums[row + r] = sum[r];
}

[[gnu::target(KERNEL_TARGET)]] const uint8_t* multiply_lanes(const MaskedPiece& piece, std::span<const FixedInputs> rows, float* y, size_t y_stride) {
  static constexpr std::array kKernels = {multiply_pairs<1>, multiply_pairs<2>, multiply_pairs<3>, multiply_pairs<4>};
  alignas(64) uint32_t lanes[kMostMaskedInputs / kQuad * kPanelWidth], zero[kPanelWidth];
  Turned x;
  turn_quads(rows, piece.mask.size(), _mm512_set4_epi32(0x0f0e0b0a, 0x0d0c0908, 0x07060302, 0x05040100), x);
  const Panel zeros = zero_lanes(piece);
  for (size_t v = 0; v < kWords; ++v) _mm512_store_si512(zero + v * kWordOutputs, zeros.of[v]);
  const uint8_t* const after = expand_vbmi2(piece.mask, zero, piece.codes, lanes);
  Panel sums[kFewTokens];
  for (size_t row = 0; row < rows.size(); row += kKernels.size()) {
    const size_t count = std::min(rows.size() - row, kKernels.size());
    kKernels[count - 1](lanes, piece.mask.size(), x, row, sums);
  }
  for (size_t r = 0; r < rows.size(); ++r) add_sums(piece, zeros, sums[r], rows[r], y + r * y_stride);
  return after;
}

// Codes of up to 7 bits.
const uint8_t* multiply_few_bits(const MaskedPiece& piece, std::span<const FixedInputs> rows, float* y, size_t y_stride) {
  if (rows.size() == 1) return multiply_bytes<1>(piece, rows.data(), y, y_stride);
  if (rows.size() == 2) return multiply_bytes<2>(piece, rows.data(), y, y_stride);
  return multiply_lanes(piece, rows, y, y_stride);
}

}  // namespace

bool has_masked_codes_vbmi2() {
  return has_vbmi2() && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

MaskedCodes masked_codes_vbmi2(size_t bits) {
  return {unpack_vbmi, expand_vbmi2, bits == 8 ? multiply_lanes : multiply_few_bits, "avx512vbmi2"};
}

}  // namespace evalharness::detail
