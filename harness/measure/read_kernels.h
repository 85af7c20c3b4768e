// Loops that read memory and do nothing else but add its 64-bit words: the sum proves that every
// byte was read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace evalharness {

struct ReadKernel {
  std::string name;  // "avx512 4 streams, prefetch 1 KiB"
  // The wrapping sum of the words in [from, from + bytes). `from` is on a line of 64 bytes, `bytes`
  // is a multiple of kReadGrain.
  uint64_t (*sum)(const std::byte* from, size_t bytes, size_t prefetch_bytes) = nullptr;
  size_t prefetch_bytes = 0;  // how far ahead; 0: left to the hardware
};

inline constexpr size_t kReadGrain = 4096;

// Those that this machine can execute, widest registers only: which of them is fastest depends on
// the machine and on the level of memory.
std::vector<ReadKernel> read_kernels();
// Also those of narrower registers, for tests.
std::vector<ReadKernel> all_read_kernels();

}  // namespace evalharness
