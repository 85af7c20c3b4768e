// Expansion under a mask inside a register, for source files that are compiled for AVX-512.
//
// The zeroing forms of vpexpandw and vpexpandd wait for what their destination held before (seen on
// Zen 4: 6 cycles each where compilers give a loop one destination). The merging forms into a
// register that a zeroing idiom has just renamed wait for nothing: twice the speed in cache.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace evalharness {

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
