// Expansion under a mask inside a register, for functions that are compiled for AVX2 or AVX-512.
//
// AVX2 has no such instruction: a byte of the mask looks up a shuffle. With AVX-512 the zeroing forms of vpexpandw and vpexpandd wait for what their destination held before (seen on
// Zen 4: 6 cycles each where compilers give a loop one destination). The merging forms into a
// register that a zeroing idiom has just renamed wait for nothing: twice the speed in cache.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace evalharness {

// For each byte of a mask, where in the packed values its eight places come from.
// Bytes of a shuffle of 16-bit values; 0x80 gives zero.
constexpr std::array<std::array<uint8_t, 16>, 256> shuffles() {
  std::array<std::array<uint8_t, 16>, 256> table{};
  for (size_t mask = 0; mask < 256; ++mask) {
    uint8_t next = 0;
    for (size_t bit = 0; bit < 8; ++bit) {
      const bool stored = mask >> bit & 1;
      table[mask][2 * bit] = stored ? next : 0x80;
      table[mask][2 * bit + 1] = stored ? static_cast<uint8_t>(next + 1) : 0x80;
      if (stored) next = static_cast<uint8_t>(next + 2);
    }
  }
  return table;
}
alignas(64) inline constexpr auto kShuffles = shuffles();

// Byte `byte` of a mask, times 2^kScale: the offset of its entry in a table, and as many bits as it has, by a shift and a mask.
template <size_t kScale>
[[gnu::always_inline]] inline uint64_t scaled_byte(uint64_t mask, size_t byte) {
  return (byte == 0 ? mask << kScale : mask >> (8 * byte - kScale)) & (uint64_t{0xff} << kScale);
}

inline constexpr size_t kShuffleScale = 4;  // an entry has 2^4 bytes
[[gnu::target("avx2"), gnu::always_inline]] inline __m128i expand_8_words(uint64_t offset, const void* packed) {
  const auto* const entry = reinterpret_cast<const std::byte*>(kShuffles.data()) + offset;
  return _mm_shuffle_epi8(_mm_loadu_si128(static_cast<const __m128i*>(packed)), _mm_load_si128(reinterpret_cast<const __m128i*>(entry)));
}

// Lanes of a permutation of 32-bit values; -1, whose sign bit is set, gives zero.
constexpr std::array<std::array<int32_t, 8>, 256> permutations() {
  std::array<std::array<int32_t, 8>, 256> table{};
  for (size_t mask = 0; mask < 256; ++mask) {
    int32_t next = 0;
    for (size_t bit = 0; bit < 8; ++bit) table[mask][bit] = mask >> bit & 1 ? next++ : -1;
  }
  return table;
}
alignas(64) inline constexpr auto kPermutations = permutations();

inline constexpr size_t kPermutationScale = 5;
[[gnu::target("avx2"), gnu::always_inline]] inline __m256 expand_8_floats(uint64_t offset, const float* packed) {
  const auto* const entry = reinterpret_cast<const std::byte*>(kPermutations.data()) + offset;
  const __m256i from = _mm256_load_si256(reinterpret_cast<const __m256i*>(entry));
  const __m256 values = _mm256_permutevar8x32_ps(_mm256_loadu_ps(packed), from);
  return _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_srai_epi32(from, 31)), values);
}

[[gnu::target("avx512f"), gnu::always_inline]] inline __m512i renamed_zero() {
  __m512i zero;
  asm("vpxor %x0, %x0, %x0" : "=x"(zero));  // a plain zero would become the zeroing form again
  return zero;
}

[[gnu::target("avx512f,avx512bw,avx512vbmi2"), gnu::always_inline]] inline __m512i expand_words(
    uint32_t mask, const void* packed) {
  return _mm512_mask_expand_epi16(renamed_zero(), mask, _mm512_loadu_si512(packed));
}

[[gnu::target("avx512f"), gnu::always_inline]] inline __m512 expand_floats(uint16_t mask,
                                                                          const void* packed) {
  return _mm512_castsi512_ps(
      _mm512_mask_expand_epi32(renamed_zero(), mask, _mm512_loadu_si512(packed)));
}

}  // namespace evalharness
