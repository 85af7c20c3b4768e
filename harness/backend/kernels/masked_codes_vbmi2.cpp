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

// How the codes of a word become bytes, and how many bytes `count` of them were.
struct Nibbles {
  explicit Nibbles(size_t /*bits*/) {}
  [[gnu::target(KERNEL_TARGET), gnu::always_inline]] __m512i bytes(const uint8_t* codes) const {
    const __m512i pairs = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)));
    // (pairs | pairs << 4) & 0x0f0f
    return _mm512_ternarylogic_epi32(pairs, _mm512_slli_epi16(pairs, 4), _mm512_set1_epi8(0x0f), 0xa8);
  }
  [[gnu::always_inline]] size_t stored(size_t count) const { return (count + 1) / 2; }
};

struct Bytes {
  explicit Bytes(size_t /*bits*/) {}
  [[gnu::target(KERNEL_TARGET), gnu::always_inline]] __m512i bytes(const uint8_t* codes) const { return _mm512_loadu_si512(codes); }
  [[gnu::always_inline]] size_t stored(size_t count) const { return count; }
};

// Eight codes of any width are in the eight bytes from the one that the first begins in.
class Strings {
 public:
  [[gnu::target(KERNEL_TARGET)]] explicit Strings(size_t bits) : bits_(bits), mask_(_mm512_set1_epi8(static_cast<char>((1 << bits) - 1))) {
    alignas(64) uint8_t places[64], shifts[64];
    for (size_t i = 0; i < 64; ++i) {
      places[i] = static_cast<uint8_t>(i / 8 * bits + i % 8);
      shifts[i] = static_cast<uint8_t>(i % 8 * bits);
    }
    places_ = _mm512_load_si512(places);
    shifts_ = _mm512_load_si512(shifts);
  }
  [[gnu::target(KERNEL_TARGET), gnu::always_inline]] __m512i bytes(const uint8_t* codes) const {
    const __m512i eights = _mm512_permutexvar_epi8(places_, _mm512_loadu_si512(codes));
    return _mm512_and_si512(_mm512_multishift_epi64_epi8(shifts_, eights), mask_);
  }
  [[gnu::always_inline]] size_t stored(size_t count) const { return (count * bits_ + 7) / 8; }

 private:
  size_t bits_;
  __m512i places_, shifts_, mask_;
};

// Four codes of each of sixteen outputs; steps over the codes.
template <class Codes>
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline __m512i expand_64(const Codes& how, uint64_t mask, __m512i zeros, const uint8_t*& codes) {
  const __m512i expanded = _mm512_mask_expand_epi8(zeros, mask, how.bytes(codes));
  codes += how.stored(static_cast<size_t>(__builtin_popcountll(mask)));
  return expanded;
}

template <class Codes>
[[gnu::target(KERNEL_TARGET)]] const uint8_t* expand_vbmi2(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes,
                                                           size_t bits, uint32_t* lanes) {
  const Codes how(bits);
  for (size_t word = 0; word < mask.size(); word += kLineWords) {
    ask(&mask[word]);
#pragma GCC unroll 8
    for (size_t v = 0; v < kLineWords; ++v, lanes += kWordOutputs) {
      if (v % kWords == 0) ask(codes);
      _mm512_store_si512(lanes, expand_64(how, mask[word + v], _mm512_load_si512(zeros + v % kWords * kWordOutputs), codes));
    }
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

template <class Codes, size_t Rows>
[[gnu::target(KERNEL_TARGET), gnu::always_inline]] inline void add_quad(const Codes& how, const uint64_t* mask, const Panel& zeros, const uint8_t*& codes, const Turned& x, size_t k, ByteSums<Rows>& sums) {
#pragma GCC unroll 4
  for (size_t v = 0; v < kWords; ++v) {
    const __m512i four = expand_64(how, mask[k + v], zeros.of[v], codes);
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

template <class Codes, size_t Rows>
[[gnu::target(KERNEL_TARGET)]] const uint8_t* multiply_bytes(const MaskedPiece& piece, const FixedInputs* rows, float* y, size_t y_stride) {
  Turned x;
  turn_quads({rows, Rows}, piece.mask.size(), _mm512_set4_epi32(0x0f0d0b09, 0x0e0c0a08, 0x07050301, 0x06040200), x);
  const Panel zeros = zero_lanes(piece);
  const Codes how(piece.grids.format().bits);
  ByteSums<Rows> sums{};
  const uint8_t* codes = piece.codes;
  const uint64_t* const mask = piece.mask.data();
  for (size_t k = 0; k < piece.mask.size(); k += kLineWords) {
    ask(mask + k);
    ask(codes);
    add_quad(how, mask, zeros, codes, x, k, sums);
    ask(codes);
    add_quad(how, mask, zeros, codes, x, k + kQuad, sums);
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

template <class Codes>
[[gnu::target(KERNEL_TARGET)]] const uint8_t* multiply_lanes(const MaskedPiece& piece, std::span<const FixedInputs> rows, float* y, size_t y_stride) {
  static constexpr std::array kKernels = {multiply_pairs<1>, multiply_pairs<2>, multiply_pairs<3>, multiply_pairs<4>};
  alignas(64) uint32_t lanes[kMostMaskedInputs / kQuad * kPanelWidth], zero[kPanelWidth];
  Turned x;
  turn_quads(rows, piece.mask.size(), _mm512_set4_epi32(0x0f0e0b0a, 0x0d0c0908, 0x07060302, 0x05040100), x);
  const Panel zeros = zero_lanes(piece);
  for (size_t v = 0; v < kWords; ++v) _mm512_store_si512(zero + v * kWordOutputs, zeros.of[v]);
  const uint8_t* const after = expand_vbmi2<Codes>(piece.mask, zero, piece.codes, piece.grids.format().bits, lanes);
  Panel sums[kFewTokens];
  for (size_t row = 0; row < rows.size(); row += kKernels.size()) {
    const size_t count = std::min(rows.size() - row, kKernels.size());
    kKernels[count - 1](lanes, piece.mask.size(), x, row, sums);
  }
  for (size_t r = 0; r < rows.size(); ++r) add_sums(piece, zeros, sums[r], rows[r], y + r * y_stride);
  return after;
}

// Codes of up to 7 bits.
template <class Codes>
const uint8_t* multiply_few_bits(const MaskedPiece& piece, std::span<const FixedInputs> rows, float* y, size_t y_stride) {
  if (rows.size() == 1) return multiply_bytes<Codes, 1>(piece, rows.data(), y, y_stride);
  if (rows.size() == 2) return multiply_bytes<Codes, 2>(piece, rows.data(), y, y_stride);
  return multiply_lanes<Codes>(piece, rows, y, y_stride);
}

}  // namespace

bool has_masked_codes_vbmi2() {
  return has_vbmi2() && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

MaskedCodes masked_codes_vbmi2(size_t bits) {
  constexpr const char* kName = "avx512vbmi2";
  if (bits == 8) return {expand_vbmi2<Bytes>, multiply_lanes<Bytes>, kName};
  if (bits == 4) return {expand_vbmi2<Nibbles>, multiply_few_bits<Nibbles>, kName};
  return {expand_vbmi2<Strings>, multiply_few_bits<Strings>, kName};
}

}  // namespace evalharness::detail
