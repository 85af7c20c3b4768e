#include "harness/backend/kernels/masked_codes.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "harness/math/ask_ahead.h"
#include "harness/backend/kernels/in_order.h"
#include "harness/math/gemm.h"

namespace evalharness {
namespace {

constexpr size_t kWordOutputs = 64 / kQuad;  // of a word of the mask
constexpr uint64_t kBytes = 0x0101010101010101;
// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 4096;

[[gnu::always_inline]] inline uint64_t load_8(const uint8_t* place) {
  uint64_t bytes;
  std::memcpy(&bytes, place, sizeof bytes);
  return bytes;
}

// The references of the others.
void unpack_scalar(const uint8_t* codes, size_t bits, size_t count, uint8_t* to) {
  for (size_t first = 0; first < count; first += 8, codes += bits) {
    const uint64_t eight = load_8(codes);
    for (size_t i = 0; i < 8; ++i) *to++ = static_cast<uint8_t>(eight >> i * bits & ((1u << bits) - 1));
  }
}

const uint8_t* expand_scalar(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes, uint32_t* lanes) {
  for (size_t word = 0; word < mask.size(); ++word) {
    for (size_t output = 0; output < kWordOutputs; ++output) {
      uint32_t lane = zeros[word % kQuad * kWordOutputs + output];
      for (size_t i = 0; i < kQuad; ++i) {
        if ((mask[word] >> (output * kQuad + i) & 1) == 0) continue;
        lane = (lane & ~(0xffu << 8 * i)) | static_cast<uint32_t>(*codes++) << 8 * i;
      }
      *lanes++ = lane;
    }
  }
  return codes;
}

void multiply_scalar(const uint32_t* lanes, size_t quads, std::span<const FixedInputs> rows, int32_t* sums) {
  constexpr size_t kByteOfInput[kQuad] = {0, 2, 1, 3};
  for (const FixedInputs& row : rows) {
    for (size_t quad = 0; quad < quads; ++quad)
      for (size_t j = 0; j < kPanelWidth; ++j)
        for (size_t i = 0; i < kQuad; ++i)
          sums[j] += row.x[quad * kQuad + i] * static_cast<int32_t>(lanes[quad * kPanelWidth + j] >> 8 * kByteOfInput[i] & 0xff);
    sums += kPanelWidth;
  }
}

// Sixteen bytes at a time become 32 codes of four bits; eight codes of another width are `bits` bytes.
[[gnu::target("avx2,bmi2")]] void unpack_avx2(const uint8_t* codes, size_t bits, size_t count, uint8_t* to) {
  if (bits != 4) {
    const uint64_t places = ((uint64_t{1} << bits) - 1) * kBytes;
    for (size_t first = 0; first < count; first += 8, codes += bits) {
      const uint64_t eight = _pdep_u64(load_8(codes), places);
      std::memcpy(to + first, &eight, sizeof eight);
    }
    return;
  }
  const __m128i nibbles = _mm_set1_epi8(0x0f);
  for (size_t first = 0; first < count; first += 32, codes += 16) {
    ask_ahead<kAhead>(codes);
    const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    const __m128i low = _mm_and_si128(both, nibbles), high = _mm_and_si128(_mm_srli_epi16(both, 4), nibbles);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + first), _mm_unpacklo_epi8(low, high));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + first + 16), _mm_unpackhi_epi8(low, high));
  }
}

// For a byte of the mask, which of the packed codes its eight places take; 0x80 where none.
constexpr auto code_places() {
  std::array<uint64_t, 256> table{};
  for (size_t mask = 0; mask < 256; ++mask) {
    uint64_t next = 0;
    for (size_t bit = 0; bit < 8; ++bit) table[mask] |= (mask >> bit & 1 ? next++ : 0x80) << 8 * bit;
  }
  return table;
}
alignas(64) constexpr auto kCodePlaces = code_places();
// What the upper eight places add, by the number of codes that the lower eight took.
struct Offset {
  uint64_t lower, upper;
};
constexpr auto upper_offsets() {
  std::array<Offset, 9> table{};
  for (size_t count = 0; count < table.size(); ++count) table[count] = {0, count * kBytes};
  return table;
}
alignas(64) constexpr auto kUpperOffsets = upper_offsets();

[[gnu::target("avx2,popcnt"), gnu::always_inline]] inline __m128i places_of_16(uint32_t mask) {
  const uint32_t lower = mask & 0xff, upper = mask >> 8 & 0xff;
  const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kCodePlaces[lower]));
  const __m128 both = _mm_loadh_pi(_mm_castsi128_ps(first), reinterpret_cast<const __m64*>(&kCodePlaces[upper]));
  const Offset& offset = kUpperOffsets[static_cast<size_t>(__builtin_popcount(lower))];
  return _mm_add_epi8(_mm_castps_si128(both), _mm_load_si128(reinterpret_cast<const __m128i*>(&offset)));
}

// Four codes of each of eight outputs; steps over the codes.
[[gnu::target("avx2,popcnt"), gnu::always_inline]] inline __m256i expand_32(uint32_t mask, const uint32_t* zeros, const uint8_t*& codes) {
  const __m128i lower = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
  codes += __builtin_popcount(mask & 0xffff);
  const __m256i packed = _mm256_inserti128_si256(_mm256_castsi128_si256(lower),
                                                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)), 1);
  codes += __builtin_popcount(mask >> 16);
  const __m256i places = _mm256_set_m128i(places_of_16(mask >> 16), places_of_16(mask & 0xffff));
  return _mm256_blendv_epi8(_mm256_shuffle_epi8(packed, places), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(zeros)), places);
}

[[gnu::target("avx2,popcnt")]] const uint8_t* expand_avx2(std::span<const uint64_t> mask, const uint32_t* zeros,
                                                          const uint8_t* codes, uint32_t* lanes) {
  for (size_t word = 0; word < mask.size(); ++word) {
    for (const size_t half : {0, 1}) {
      const size_t output = word % kQuad * kWordOutputs + half * kWordOutputs / 2;
      const __m256i eight = expand_32(static_cast<uint32_t>(mask[word] >> 32 * half), zeros + output, codes);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes + word * kWordOutputs + half * kWordOutputs / 2), eight);
    }
  }
  return codes;
}

int pair_at(const int16_t* place) {
  int pair;
  std::memcpy(&pair, place, sizeof pair);
  return pair;
}

// Outputs [column, column + 8 * Vectors).
template <size_t Rows, size_t Vectors>
[[gnu::target("avx2"), gnu::always_inline]] inline void multiply_columns_avx2(const uint32_t* lanes, size_t quads, const FixedInputs* rows, int32_t* sums, size_t column) {
  constexpr size_t kLanes = 8;
  __m256i sum[Rows][Vectors];
#pragma GCC unroll 8
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (size_t v = 0; v < Vectors; ++v)
      sum[r][v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + r * kPanelWidth + column + v * kLanes));
  for (size_t quad = 0; quad < quads; ++quad) {
#pragma GCC unroll 8
    for (size_t v = 0; v < Vectors; ++v) {
      const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes + quad * kPanelWidth + column + v * kLanes));
      const __m256i even = _mm256_and_si256(four, _mm256_set1_epi16(0xff)), odd = _mm256_srli_epi16(four, 8);
#pragma GCC unroll 8
      for (size_t r = 0; r < Rows; ++r) {
        const int16_t* const x = rows[r].x + quad * kQuad;
        sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(even, _mm256_set1_epi32(pair_at(x))));
        sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(odd, _mm256_set1_epi32(pair_at(x + 2))));
        in_order(sum[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (size_t v = 0; v < Vectors; ++v)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + r * kPanelWidth + column + v * kLanes), sum[r][v]);
}

template <size_t Rows>
[[gnu::target("avx2")]] void multiply_rows_avx2(const uint32_t* lanes, size_t quads, const FixedInputs* rows, int32_t* sums) {
  constexpr size_t kLanes = 8, kVectors = kFewTokens / (Rows > 4 ? 8 : Rows > 2 ? 4 : Rows);
  for (size_t column = 0; column < kPanelWidth; column += kVectors * kLanes) multiply_columns_avx2<Rows, kVectors>(lanes, quads, rows, sums, column);
}

template <size_t... Rows>
constexpr auto rows_avx2(std::index_sequence<Rows...>) {
  return std::array{&multiply_rows_avx2<Rows + 1>...};
}

void multiply_avx2(const uint32_t* lanes, size_t quads, std::span<const FixedInputs> rows, int32_t* sums) {
  static constexpr auto kKernels = rows_avx2(std::make_index_sequence<kFewTokens>());
  kKernels[rows.size() - 1](lanes, quads, rows.data(), sums);
}

// Four codes of each of sixteen outputs; steps over the codes.
[[gnu::target("avx512f,avx512bw,avx512vbmi2,popcnt"), gnu::always_inline]] inline __m512i expand_64(
    uint64_t mask, const uint32_t* zeros, const uint8_t*& codes) {
  const __m512i expanded = _mm512_mask_expand_epi8(_mm512_loadu_si512(zeros), mask, _mm512_loadu_si512(codes));
  codes += __builtin_popcountll(mask);
  return expanded;
}

[[gnu::target("avx512f,avx512bw,avx512vbmi2,popcnt")]] const uint8_t* expand_vbmi2(
    std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes, uint32_t* lanes) {
  for (size_t word = 0; word < mask.size(); ++word, lanes += kWordOutputs)
    _mm512_storeu_si512(lanes, expand_64(mask[word], zeros + word % kQuad * kWordOutputs, codes));
  return codes;
}

// Thirty-two registers: all 64 sums of up to four rows.
template <size_t Rows>
[[gnu::target("avx512f,avx512bw")]] void multiply_rows_avx512(const uint32_t* lanes, size_t quads, const FixedInputs* rows, int32_t* sums) {
  constexpr size_t kLanes = 16, kVectors = kPanelWidth / kLanes;
  __m512i sum[Rows][kVectors];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) sum[r][v] = _mm512_loadu_si512(sums + r * kPanelWidth + v * kLanes);
  for (size_t quad = 0; quad < quads; ++quad) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      const __m512i four = _mm512_loadu_si512(lanes + quad * kPanelWidth + v * kLanes);
      const __m512i even = _mm512_and_si512(four, _mm512_set1_epi16(0xff)), odd = _mm512_srli_epi16(four, 8);
#pragma GCC unroll 4
      for (size_t r = 0; r < Rows; ++r) {
        const int16_t* const x = rows[r].x + quad * kQuad;
        sum[r][v] = _mm512_add_epi32(sum[r][v], _mm512_madd_epi16(even, _mm512_set1_epi32(pair_at(x))));
        sum[r][v] = _mm512_add_epi32(sum[r][v], _mm512_madd_epi16(odd, _mm512_set1_epi32(pair_at(x + 2))));
        in_order(sum[r][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) _mm512_storeu_si512(sums + r * kPanelWidth + v * kLanes, sum[r][v]);
}

void multiply_avx512(const uint32_t* lanes, size_t quads, std::span<const FixedInputs> rows, int32_t* sums) {
  static constexpr std::array kKernels = {multiply_rows_avx512<1>, multiply_rows_avx512<2>, multiply_rows_avx512<3>, multiply_rows_avx512<4>};
  for (size_t row = 0; row < rows.size(); row += kKernels.size()) {
    const size_t count = std::min(rows.size() - row, kKernels.size());
    kKernels[count - 1](lanes, quads, rows.data() + row, sums + row * kPanelWidth);
  }
}

}  // namespace

MaskedCodes masked_codes(Isa isa) {
  if (isa < Isa::avx2 || !__builtin_cpu_supports("bmi2")) return {unpack_scalar, expand_scalar, multiply_scalar, "scalar"};
  if (isa >= Isa::avx512 && has_vbmi2()) return {unpack_avx2, expand_vbmi2, multiply_avx512, "avx512vbmi2"};
  return {unpack_avx2, expand_avx2, multiply_avx2, "avx2"};
}

}  // namespace evalharness
