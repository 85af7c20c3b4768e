// Expands by tables and shuffles; products are those of 16-bit integers.
#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#include "harness/backend/kernels/in_order.h"
#include "harness/backend/kernels/masked_codes_isa.h"

namespace evalharness::detail {
namespace {

constexpr uint64_t kBytes = 0x0101010101010101;

[[gnu::always_inline]] inline uint64_t load_8(const uint8_t* place) {
  uint64_t bytes;
  std::memcpy(&bytes, place, sizeof bytes);
  return bytes;
}

// The codes of words to a byte each, words behind each other; writes at most 64 bytes beyond. Sixteen bytes at a time become 32 codes of four
// bits; eight codes of another width are `bits` bytes.
[[gnu::target("avx2,bmi2,popcnt")]] const uint8_t* unpack_avx2(std::span<const uint64_t> mask, const uint8_t* codes, size_t bits, uint8_t* to) {
  const uint64_t places = ((uint64_t{1} << bits) - 1) * kBytes;
  const __m256i nibbles = _mm256_set1_epi8(0x0f);
  for (const uint64_t& word : mask) {
    const size_t count = static_cast<size_t>(__builtin_popcountll(word));
    if (bits == 4) {
      for (const size_t half : {0, 16}) {
        const __m256i pairs = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + half)));
        const __m256i apart = _mm256_and_si256(_mm256_or_si256(pairs, _mm256_slli_epi16(pairs, 4)), nibbles);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 2 * half), apart);
      }
    } else {
      for (size_t first = 0; first < count; first += 8) {
        const uint64_t eight = _pdep_u64(load_8(codes + first / 8 * bits), places);
        std::memcpy(to + first, &eight, sizeof eight);
      }
    }
    ask(codes);
    ask(&word);
    codes += (count * bits + 7) / 8;
    to += count;
  }
  return codes;
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

[[gnu::target("avx2,popcnt")]] const uint8_t* expand_bytes_avx2(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* bytes,
                                                                uint32_t* lanes) {
  for (size_t word = 0; word < mask.size(); ++word) {
    for (const size_t half : {0, 1}) {
      const size_t output = word % kQuad * kWordOutputs + half * kWordOutputs / 2;
      const __m256i eight = expand_32(static_cast<uint32_t>(mask[word] >> 32 * half), zeros + output, bytes);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes + word * kWordOutputs + half * kWordOutputs / 2), eight);
    }
  }
  return bytes;
}

const uint8_t* expand_avx2(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes, size_t bits, uint32_t* lanes) {
  if (bits == 8) return expand_bytes_avx2(mask, zeros, codes, lanes);
  uint8_t bytes[kMostMaskedInputs * kPanelWidth + 64];
  const uint8_t* const after = unpack_avx2(mask, codes, bits, bytes);
  expand_bytes_avx2(mask, zeros, bytes, lanes);
  return after;
}

// Rows of up to a block of inputs, of which 1 and 2 of each quad have changed places: a lane masked and a lane shifted are the codes of
// two pairs.
struct Swapped {
  alignas(32) int16_t of[kFewTokens][kMostMaskedInputs];
};
[[gnu::target("avx2")]] void swap_in_quads(std::span<const FixedInputs> rows, size_t inputs, Swapped& to) {
  const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t k = 0; k < inputs; k += 16) {
      const __m256i four_quads = _mm256_load_si256(reinterpret_cast<const __m256i*>(rows[r].x + k));
      _mm256_store_si256(reinterpret_cast<__m256i*>(to.of[r] + k), _mm256_shuffle_epi8(four_quads, order));
    }
  }
}

// Outputs [column, column + 8 * Vectors).
template <size_t Rows, size_t Vectors>
[[gnu::target("avx2"), gnu::always_inline]] inline void multiply_columns_avx2(const uint32_t* lanes, size_t quads, const Swapped& x, int32_t* sums, size_t column) {
  constexpr size_t kLanes = 8;
  __m256i sum[Rows][Vectors] = {};
  for (size_t quad = 0; quad < quads; ++quad) {
#pragma GCC unroll 8
    for (size_t v = 0; v < Vectors; ++v) {
      const __m256i four = _mm256_load_si256(reinterpret_cast<const __m256i*>(lanes + quad * kPanelWidth + column + v * kLanes));
      const __m256i even = _mm256_and_si256(four, _mm256_set1_epi16(0xff)), odd = _mm256_srli_epi16(four, 8);
#pragma GCC unroll 8
      for (size_t r = 0; r < Rows; ++r) {
        const int16_t* const of_quad = x.of[r] + quad * kQuad;
        sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(even, _mm256_set1_epi32(word_at(of_quad))));
        sum[r][v] = _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(odd, _mm256_set1_epi32(word_at(of_quad + 2))));
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
[[gnu::target("avx2")]] void multiply_rows_avx2(const uint32_t* lanes, size_t quads, const Swapped& x, int32_t* sums) {
  constexpr size_t kLanes = 8, kVectors = kFewTokens / (Rows > 4 ? 8 : Rows > 2 ? 4 : Rows);
  for (size_t column = 0; column < kPanelWidth; column += kVectors * kLanes) multiply_columns_avx2<Rows, kVectors>(lanes, quads, x, sums, column);
}

template <size_t... Rows>
constexpr auto rows_avx2(std::index_sequence<Rows...>) {
  return std::array{&multiply_rows_avx2<Rows + 1>...};
}

void products_avx2(const uint32_t* lanes, size_t inputs, std::span<const FixedInputs> rows, int32_t* sums) {
  static constexpr auto kKernels = rows_avx2(std::make_index_sequence<kFewTokens>());
  Swapped x;
  swap_in_quads(rows, inputs, x);
  kKernels[rows.size() - 1](lanes, inputs / kQuad, x, sums);
}

[[gnu::target("avx2,fma")]] const uint8_t* multiply_avx2(const MaskedPiece& piece, std::span<const FixedInputs> rows, float* y, size_t y_stride) {
  return multiply_plainly(expand_avx2, products_avx2, piece, rows, y, y_stride);
}

}  // namespace

MaskedCodes masked_codes_avx2() { return {expand_avx2, multiply_avx2, "avx2"}; }

}  // namespace evalharness::detail
