#include "harness/backend/kernels/expand.h"

#include <immintrin.h>

#include <array>

#include "harness/backend/kernels/expand_registers.h"

namespace evalharness {
namespace {

// The reference of the others.
template <class T>
void expand_scalar(std::span<const uint64_t> mask, const T* packed, T* places) {
  for (const uint64_t word : mask) {
    for (size_t bit = 0; bit < 64; ++bit) {
      const bool stored = word >> bit & 1;
      *places++ = stored ? *packed : T{};
      packed += stored;
    }
  }
}

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
alignas(64) constexpr auto kShuffles = shuffles();

[[gnu::target("avx2,popcnt")]] void expand_bf16_avx2(std::span<const uint64_t> mask,
                                                     const uint16_t* packed, uint16_t* places) {
  for (const uint64_t word : mask) {
    for (size_t byte = 0; byte < 8; ++byte, places += 8) {
      const size_t bits = word >> 8 * byte & 0xff;
      const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed));
      const __m128i from = _mm_load_si128(reinterpret_cast<const __m128i*>(kShuffles[bits].data()));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(places), _mm_shuffle_epi8(values, from));
      packed += __builtin_popcountll(bits);
    }
  }
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
alignas(64) constexpr auto kPermutations = permutations();

[[gnu::target("avx2,popcnt")]] void expand_f32_avx2(std::span<const uint64_t> mask,
                                                    const float* packed, float* places) {
  for (const uint64_t word : mask) {
    for (size_t byte = 0; byte < 8; ++byte, places += 8) {
      const size_t bits = word >> 8 * byte & 0xff;
      const __m256i from =
          _mm256_load_si256(reinterpret_cast<const __m256i*>(kPermutations[bits].data()));
      const __m256 values = _mm256_permutevar8x32_ps(_mm256_loadu_ps(packed), from);
      const __m256i zero = _mm256_srai_epi32(from, 31);
      _mm256_storeu_ps(places, _mm256_andnot_ps(_mm256_castsi256_ps(zero), values));
      packed += __builtin_popcountll(bits);
    }
  }
}

// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 2048;

[[gnu::always_inline]] inline void ask_for(const void* place) {
  _mm_prefetch(static_cast<const char*>(place) + kAhead, _MM_HINT_T0);
}

[[gnu::target("avx512f,avx512bw,avx512vbmi2,popcnt")]] void expand_bf16_vbmi2(
    std::span<const uint64_t> mask, const uint16_t* packed, uint16_t* places) {
  for (const uint64_t word : mask) {
    for (size_t half = 0; half < 2; ++half, places += 32) {
      const uint32_t bits = static_cast<uint32_t>(word >> 32 * half);
      ask_for(packed);
      _mm512_storeu_si512(places, expand_words(bits, packed));
      packed += __builtin_popcount(bits);
    }
  }
}

[[gnu::target("avx512f,popcnt")]] void expand_f32_avx512(std::span<const uint64_t> mask,
                                                         const float* packed, float* places) {
  for (const uint64_t word : mask) {
    for (size_t quarter = 0; quarter < 4; ++quarter, places += 16) {
      const uint16_t bits = static_cast<uint16_t>(word >> 16 * quarter);
      ask_for(packed);
      _mm512_storeu_ps(places, expand_floats(bits, packed));
      packed += __builtin_popcount(bits);
    }
  }
}

}  // namespace

Expander<float> expander_f32(Isa isa) {
  if (isa >= Isa::avx512) return {expand_f32_avx512, "expand avx512"};
  if (isa >= Isa::avx2) return {expand_f32_avx2, "expand avx2"};
  return {expand_scalar<float>, "expand scalar"};
}

Expander<uint16_t> expander_bf16(Isa isa) {
  if (isa >= Isa::avx512 && has_vbmi2()) return {expand_bf16_vbmi2, "expand avx512vbmi2"};
  if (isa >= Isa::avx2) return {expand_bf16_avx2, "expand avx2"};
  return {expand_scalar<uint16_t>, "expand scalar"};
}

}  // namespace evalharness
