#include "harness/measure/read_kernels.h"

#include <immintrin.h>

#include "harness/base/text.h"
#include "harness/measure/cpu_features.h"

namespace evalharness {
namespace {

constexpr size_t kLine = 64;

// 1 or 4 places read in turn; more streams keep more of the memory's banks busy, fewer suit the
// hardware's own prefetching. A prefetch beyond the end is harmless: it never faults.
template <size_t kStreams>
__attribute__((target("avx512f"))) uint64_t sum_avx512(const std::byte* from, size_t bytes,
                                                       size_t prefetch_bytes) {
  constexpr size_t kLines = 16 / kStreams;  // lines of each stream in one step: 16 loads under way
  const size_t length = bytes / kStreams;
  __m512i sums[16];
#pragma GCC unroll 16
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  for (size_t at = 0; at < length; at += kLines * kLine) {
    if (prefetch_bytes != 0) {
#pragma GCC unroll 16
      for (size_t k = 0; k < 16; ++k) {
        const std::byte* line = from + (k / kLines) * length + at + (k % kLines) * kLine;
        _mm_prefetch(reinterpret_cast<const char*>(line + prefetch_bytes), _MM_HINT_T0);
      }
    }
#pragma GCC unroll 16
    for (size_t k = 0; k < 16; ++k) {
      const std::byte* line = from + (k / kLines) * length + at + (k % kLines) * kLine;
      sums[k] = _mm512_add_epi64(sums[k], _mm512_load_si512(line));
    }
  }
  uint64_t words[8], total = 0;
#pragma GCC unroll 16
  for (const auto& sum : sums) {
    _mm512_storeu_si512(words, sum);
    for (const uint64_t word : words) total += word;
  }
  return total;
}

template <size_t kStreams>
__attribute__((target("avx2"))) uint64_t sum_avx2(const std::byte* from, size_t bytes,
                                                  size_t prefetch_bytes) {
  constexpr size_t kLines = 4 / kStreams;
  const size_t length = bytes / kStreams;
  __m256i sums[8];
#pragma GCC unroll 8
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  for (size_t at = 0; at < length; at += kLines * kLine) {
#pragma GCC unroll 4
    for (size_t k = 0; k < 4; ++k) {
      const std::byte* line = from + (k / kLines) * length + at + (k % kLines) * kLine;
      if (prefetch_bytes != 0) {
        _mm_prefetch(reinterpret_cast<const char*>(line + prefetch_bytes), _MM_HINT_T0);
      }
      const __m256i* halves = reinterpret_cast<const __m256i*>(line);
      sums[2 * k] = _mm256_add_epi64(sums[2 * k], _mm256_load_si256(halves));
      sums[2 * k + 1] = _mm256_add_epi64(sums[2 * k + 1], _mm256_load_si256(halves + 1));
    }
  }
  uint64_t words[4], total = 0;
#pragma GCC unroll 8
  for (const auto& sum : sums) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), sum);
    for (const uint64_t word : words) total += word;
  }
  return total;
}

// Baseline x86-64: the compiler's own vectors.
uint64_t sum_plain(const std::byte* from, size_t bytes, size_t) {
  const uint64_t* const words = reinterpret_cast<const uint64_t*>(from);
  uint64_t total = 0;
  for (size_t i = 0; i < bytes / sizeof(uint64_t); ++i) total += words[i];
  return total;
}

void add_variants(std::vector<ReadKernel>& kernels, const std::string& name,
                  uint64_t (*sum)(const std::byte*, size_t, size_t)) {
  kernels.push_back({name, sum, 0});
  for (const size_t ahead : {size_t{1024}, size_t{4096}}) {
    kernels.push_back({cat(name, ", prefetch ", ahead, " bytes ahead"), sum, ahead});
  }
}

}  // namespace

std::vector<ReadKernel> read_kernels() {
  std::vector<ReadKernel> kernels;
  if (cpu_features().avx512) {
    add_variants(kernels, "avx512, 1 stream", sum_avx512<1>);
    add_variants(kernels, "avx512, 4 streams", sum_avx512<4>);
  } else if (cpu_features().avx2_fma) {
    add_variants(kernels, "avx2, 1 stream", sum_avx2<1>);
    add_variants(kernels, "avx2, 4 streams", sum_avx2<4>);
  } else {
    kernels.push_back({"sse2", sum_plain, 0});
  }
  return kernels;
}

std::vector<ReadKernel> all_read_kernels() {
  std::vector<ReadKernel> kernels = read_kernels();
  if (cpu_features().avx512) {
    add_variants(kernels, "avx2, 1 stream", sum_avx2<1>);
    add_variants(kernels, "avx2, 4 streams", sum_avx2<4>);
  }
  if (cpu_features().avx2_fma) kernels.push_back({"sse2", sum_plain, 0});
  return kernels;
}

}  // namespace evalharness
