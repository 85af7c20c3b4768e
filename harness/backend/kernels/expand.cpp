#include "harness/backend/kernels/expand.h"

#include <immintrin.h>

#include "harness/math/ask_ahead.h"
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

// Bytes between the load and the line asked for: hides DRAM's latency at this loop's pace.
constexpr size_t kAhead = 2048;

[[gnu::target("avx2,popcnt")]] void expand_bf16_avx2(std::span<const uint64_t> mask,
                                                     const uint16_t* packed, uint16_t* places) {
  for (const uint64_t word : mask) {
    ask_ahead<kAhead>(packed);
#pragma GCC unroll 8
    for (size_t byte = 0; byte < 8; ++byte, places += 8) {
      const uint64_t bits = scaled_byte<kShuffleScale>(word, byte);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(places), expand_8_words(bits, packed));
      packed += __builtin_popcountll(bits);
    }
  }
}

[[gnu::target("avx2,popcnt")]] void expand_f32_avx2(std::span<const uint64_t> mask,
                                                    const float* packed, float* places) {
  for (const uint64_t word : mask) {
#pragma GCC unroll 8
    for (size_t byte = 0; byte < 8; ++byte, places += 8) {
      const uint64_t bits = scaled_byte<kPermutationScale>(word, byte);
      if (byte % 4 == 0) ask_ahead<kAhead>(packed);
      _mm256_storeu_ps(places, expand_8_floats(bits, packed));
      packed += __builtin_popcountll(bits);
    }
  }
}

[[gnu::target("avx512f,avx512bw,avx512vbmi2,popcnt")]] void expand_bf16_vbmi2(
    std::span<const uint64_t> mask, const uint16_t* packed, uint16_t* places) {
  for (const uint64_t word : mask) {
    for (size_t half = 0; half < 2; ++half, places += 32) {
      const uint32_t bits = static_cast<uint32_t>(word >> 32 * half);
      ask_ahead<kAhead>(packed);
      _mm512_storeu_si512(places, expand_words(bits, packed));
      packed += __builtin_popcountll(bits);
    }
  }
}

[[gnu::target("avx512f,popcnt")]] void expand_f32_avx512(std::span<const uint64_t> mask,
                                                         const float* packed, float* places) {
  for (const uint64_t word : mask) {
    for (size_t quarter = 0; quarter < 4; ++quarter, places += 16) {
      const uint16_t bits = static_cast<uint16_t>(word >> 16 * quarter);
      ask_ahead<kAhead>(packed);
      _mm512_storeu_ps(places, expand_floats(bits, packed));
      packed += __builtin_popcountll(bits);
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
