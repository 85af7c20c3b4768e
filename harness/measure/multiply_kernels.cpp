// The vector kernels: functions carry the target attribute of their registers, so that one binary
// serves every machine. The instruction itself stands as assembly: from intrinsics the compiler may
// fold equal chains into one, or move accumulators to memory and back within the loop.
#include "harness/measure/multiply_kernels.h"

#include <immintrin.h>

#include "harness/measure/cpu_features.h"

namespace evalharness {
namespace {

// Enough chains to cover a latency of 4 to 6 cycles at two a cycle, within the registers that there
// are.
constexpr int kChains = 24, kChainsAvx2 = 12, kChainsSse = 12;

// One in every lane of a register: twice in 32 bits of bfloat16, four times of bytes.
constexpr int kOneBf16Pair = 0x3f803f80, kOneInt8Four = 0x01010101;

template <class T>
double sum_of(const T* lanes, int count) {
  double total = 0;
  for (int i = 0; i < count; ++i) total += static_cast<double>(lanes[i]);
  return total;
}

// Baseline x86-64: SSE2 has no fused multiply-add.
double f32_sse(size_t iterations) {
  const __m128 x = _mm_set1_ps(1), y = _mm_set1_ps(1);
  __m128 sums[kChainsSse];
  alignas(16) float lanes[kChainsSse * 4] = {};
#pragma GCC unroll 12
  for (int k = 0; k < kChainsSse; ++k) sums[k] = _mm_setzero_ps();
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kChainsSse; ++k) {
      __m128 product = x;
      asm volatile("mulps %1, %0" : "+x"(product) : "x"(y));
      asm volatile("addps %1, %0" : "+x"(sums[k]) : "x"(product));
    }
  }
#pragma GCC unroll 12
  for (int k = 0; k < kChainsSse; ++k) _mm_store_ps(lanes + 4 * k, sums[k]);
  return sum_of(lanes, kChainsSse * 4);
}

__attribute__((target("avx2,fma"))) double f32_avx2(size_t iterations) {
  const __m256 x = _mm256_set1_ps(1), y = _mm256_set1_ps(1);
  __m256 sums[kChainsAvx2];
  alignas(32) float lanes[kChainsAvx2 * 8] = {};
#pragma GCC unroll 12
  for (int k = 0; k < kChainsAvx2; ++k) sums[k] = _mm256_setzero_ps();
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kChainsAvx2; ++k) {
      asm volatile("vfmadd231ps %1, %2, %0" : "+x"(sums[k]) : "x"(x), "x"(y));
    }
  }
#pragma GCC unroll 12
  for (int k = 0; k < kChainsAvx2; ++k) _mm256_store_ps(lanes + 8 * k, sums[k]);
  return sum_of(lanes, kChainsAvx2 * 8);
}

__attribute__((target("avx512f"))) double f32_avx512(size_t iterations) {
  const __m512 x = _mm512_set1_ps(1), y = _mm512_set1_ps(1);
  __m512 sums[kChains];
  alignas(64) float lanes[kChains * 16] = {};
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) sums[k] = _mm512_setzero_ps();
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kChains; ++k) {
      asm volatile("vfmadd231ps %1, %2, %0" : "+v"(sums[k]) : "v"(x), "v"(y));
    }
  }
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) _mm512_store_ps(lanes + 16 * k, sums[k]);
  return sum_of(lanes, kChains * 16);
}

// Two bfloat16 products a lane.
__attribute__((target("avx512f"))) double bf16_avx512(size_t iterations) {
  const __m512i x = _mm512_set1_epi32(kOneBf16Pair), y = _mm512_set1_epi32(kOneBf16Pair);
  __m512 sums[kChains];
  alignas(64) float lanes[kChains * 16] = {};
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) sums[k] = _mm512_setzero_ps();
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kChains; ++k) {
      asm volatile("vdpbf16ps %1, %2, %0" : "+v"(sums[k]) : "v"(x), "v"(y));
    }
  }
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) _mm512_store_ps(lanes + 16 * k, sums[k]);
  return sum_of(lanes, kChains * 16);
}

// Four products of an unsigned and a signed byte a lane.
__attribute__((target("avx512f"))) double int8_avx512(size_t iterations) {
  const __m512i x = _mm512_set1_epi32(kOneInt8Four), y = _mm512_set1_epi32(kOneInt8Four);
  __m512i sums[kChains];
  alignas(64) int lanes[kChains * 16] = {};
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) sums[k] = _mm512_setzero_si512();
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 24
    for (int k = 0; k < kChains; ++k) {
      asm volatile("vpdpbusd %1, %2, %0" : "+v"(sums[k]) : "v"(x), "v"(y));
    }
  }
#pragma GCC unroll 24
  for (int k = 0; k < kChains; ++k) _mm512_store_si512(lanes + 16 * k, sums[k]);
  return sum_of(lanes, kChains * 16);
}

// The same on AVX2: pairs in 16 bits, pairs of pairs in 32, and their sum.
__attribute__((target("avx2"))) double int8_avx2(size_t iterations) {
  const __m256i x = _mm256_set1_epi32(kOneInt8Four), y = _mm256_set1_epi32(kOneInt8Four), ones = _mm256_set1_epi16(1);
  __m256i sums[kChainsAvx2];
  alignas(32) int lanes[kChainsAvx2 * 8] = {};
#pragma GCC unroll 12
  for (int k = 0; k < kChainsAvx2; ++k) sums[k] = _mm256_setzero_si256();
  for (size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kChainsAvx2; ++k) {
      __m256i product;
      asm volatile("vpmaddubsw %1, %2, %0" : "=x"(product) : "x"(x), "x"(y));
      asm volatile("vpmaddwd %1, %0, %0" : "+x"(product) : "x"(ones));
      asm volatile("vpaddd %1, %0, %0" : "+x"(sums[k]) : "x"(product));
    }
  }
#pragma GCC unroll 12
  for (int k = 0; k < kChainsAvx2; ++k) _mm256_store_si256(reinterpret_cast<__m256i*>(lanes + 8 * k), sums[k]);
  return sum_of(lanes, kChainsAvx2 * 8);
}

// chains * lanes * products a lane * (a multiplication and an addition)
double flops(int chains, int lanes, int products) { return 2.0 * chains * lanes * products; }

}  // namespace

std::vector<MultiplyKernel> multiply_kernels() {
  const CpuFeatures& has = cpu_features();
  std::vector<MultiplyKernel> kernels;
  if (has.avx2_fma) {
    kernels.push_back({"f32", "fma avx2", flops(kChainsAvx2, 8, 1), f32_avx2});
    kernels.push_back({"int8", "vpmaddubsw", flops(kChainsAvx2, 8, 4), int8_avx2});
  } else {
    kernels.push_back({"f32", "sse2", flops(kChainsSse, 4, 1), f32_sse});
  }
  if (has.avx512) kernels.push_back({"f32", "fma avx512", flops(kChains, 16, 1), f32_avx512});
  if (has.avx512_bf16) kernels.push_back({"bf16", "vdpbf16ps", flops(kChains, 16, 2), bf16_avx512});
  if (has.amx_bf16) kernels.push_back(amx_bf16_kernel());
  if (has.avx512_vnni) kernels.push_back({"int8", "vpdpbusd", flops(kChains, 16, 4), int8_avx512});
  if (has.amx_int8) kernels.push_back(amx_int8_kernel());
  return kernels;
}

}  // namespace evalharness
