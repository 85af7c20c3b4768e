// The vector kernels: functions carry the target attribute of their instructions, so that one
// binary serves every machine. Accumulators start at different values, or the compiler would see
// that they are equal and keep one of them.
#include "harness/measure/multiply_kernels.h"

#include <immintrin.h>

#include "harness/measure/cpu_features.h"

namespace evalharness {
namespace {

// Enough chains to cover a latency of 4 to 6 cycles at two a cycle, within the registers that there
// are.
constexpr int kChains = 24, kChainsAvx2 = 12, kChainsSse = 12;

// Read through volatile: the compiler must not know that the factors are one.
volatile const float kOne = 1.0f;
volatile const int kOneBf16Pair = 0x3f803f80;
volatile const int kOneInt8Four = 0x01010101;

// Baseline x86-64: SSE2 has no fused multiply-add.
double f32_sse(size_t iterations) {
  const __m128 x = _mm_set1_ps(kOne), y = _mm_set1_ps(kOne);
  __m128 sums[kChainsSse];
  for (int k = 0; k < kChainsSse; ++k) sums[k] = _mm_set1_ps(static_cast<float>(k));
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kChainsSse; ++k) {
      __m128 product = _mm_mul_ps(x, y);
      asm volatile("" : "+x"(product));  // the product is made anew each time
      sums[k] = _mm_add_ps(sums[k], product);
    }
  }
  double total = 0;
  for (const __m128& sum : sums) {
    float lanes[4];
    _mm_storeu_ps(lanes, sum);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

__attribute__((target("avx2,fma"))) double f32_avx2(size_t iterations) {
  const __m256 x = _mm256_set1_ps(kOne), y = _mm256_set1_ps(kOne);
  __m256 sums[kChainsAvx2];
#pragma GCC unroll 12
  for (int k = 0; k < kChainsAvx2; ++k) sums[k] = _mm256_set1_ps(static_cast<float>(k));
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kChainsAvx2; ++k) sums[k] = _mm256_fmadd_ps(x, y, sums[k]);
  }
  double total = 0;
#pragma GCC unroll 12
  for (int k = 0; k < kChainsAvx2; ++k) {
    float lanes[8];
    _mm256_storeu_ps(lanes, sums[k]);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

__attribute__((target("avx512f"))) double f32_avx512(size_t iterations) {
  const __m512 x = _mm512_set1_ps(kOne), y = _mm512_set1_ps(kOne);
  __m512 sums[kChains];
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) sums[k] = _mm512_set1_ps(static_cast<float>(k));
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kChains; ++k) sums[k] = _mm512_fmadd_ps(x, y, sums[k]);
  }
  double total = 0;
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) {
    float lanes[16];
    _mm512_storeu_ps(lanes, sums[k]);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

// Two bfloat16 products a lane.
__attribute__((target("avx512f,avx512bf16"))) double bf16_avx512(size_t iterations) {
  const __m512bh x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(kOneBf16Pair));
  const __m512bh y = reinterpret_cast<__m512bh>(_mm512_set1_epi32(kOneBf16Pair));
  __m512 sums[kChains];
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) sums[k] = _mm512_set1_ps(static_cast<float>(k));
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kChains; ++k) sums[k] = _mm512_dpbf16_ps(sums[k], x, y);
  }
  double total = 0;
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) {
    float lanes[16];
    _mm512_storeu_ps(lanes, sums[k]);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

// Four products of an unsigned and a signed byte a lane.
__attribute__((target("avx512f,avx512vnni"))) double int8_avx512(size_t iterations) {
  const __m512i x = _mm512_set1_epi32(kOneInt8Four), y = _mm512_set1_epi32(kOneInt8Four);
  __m512i sums[kChains];
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) sums[k] = _mm512_set1_epi32(k);
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kChains; ++k) sums[k] = _mm512_dpbusd_epi32(sums[k], x, y);
  }
  double total = 0;
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) {
    int lanes[16];
    _mm512_storeu_si512(lanes, sums[k]);
    for (const int lane : lanes) total += lane;
  }
  return total;
}

// chains * lanes * products a lane * (a multiplication and an addition)
double flops(int chains, int lanes, int products) { return 2.0 * chains * lanes * products; }

}  // namespace

std::vector<MultiplyKernel> multiply_kernels() {
  const CpuFeatures& has = cpu_features();
  std::vector<MultiplyKernel> kernels = {{"f32", "sse2", flops(kChainsSse, 4, 1), f32_sse}};
  if (has.avx2_fma) kernels.push_back({"f32", "fma avx2", flops(kChainsAvx2, 8, 1), f32_avx2});
  if (has.avx512) kernels.push_back({"f32", "fma avx512", flops(kChains, 16, 1), f32_avx512});
  if (has.avx512_bf16) kernels.push_back({"bf16", "vdpbf16ps", flops(kChains, 16, 2), bf16_avx512});
  if (has.amx_bf16) kernels.push_back(amx_bf16_kernel());
  if (has.avx512_vnni) kernels.push_back({"int8", "vpdpbusd", flops(kChains, 16, 4), int8_avx512});
  if (has.amx_int8) kernels.push_back(amx_int8_kernel());
  return kernels;
}

}  // namespace evalharness
