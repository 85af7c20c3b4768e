// What this machine can do at most, measured in the run that compares itself with it: the rate of
// multiply-adds in registers, and the rate of reading memory at a given size of the working set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/measure/multiply_kernels.h"
#include "harness/ops/linear_op.h"
#include "harness/result/run_result.h"

namespace evalharness {

// Per second, over several short repetitions. Other work on the machine only slows a repetition
// down: the best is closest to the machine's limit, the median to what a program can count on.
struct Rate {
  double best = 0, median = 0;
};

// `threads` is 1 or thread_count().
Rate multiply_rate(const MultiplyKernel& kernel, size_t threads);

// Memory to read from: one mapping in huge pages where the system gives them, so that the rate is
// the memory's and not the page table's. Each thread reads its own equal part.
class ReadProbe {
 public:
  explicit ReadProbe(size_t bytes);  // the largest working set that will be asked for
  ~ReadProbe();
  ReadProbe(const ReadProbe&) = delete;
  ReadProbe& operator=(const ReadProbe&) = delete;

  size_t bytes() const { return bytes_; }
  // The size that is read where `working_set` is asked for: each thread's part is whole pages.
  size_t rounded(size_t working_set, size_t threads) const;
  // Bytes a second over the first rounded() bytes, by the fastest of read_kernels() there.
  Rate read_rate(size_t working_set, size_t threads) const;
  // Wrapping sum of the 64-bit words that `passes` over the working set read; word i holds i.
  uint64_t checksum(size_t working_set, size_t threads, size_t passes) const;

 private:
  std::byte* memory_ = nullptr;
  size_t bytes_ = 0, mapped_bytes_ = 0;
};

struct MachineCeilings {
  std::vector<Ceiling> compute, bandwidth;
};
// All kernels and all working sets (in bytes), by one thread and by all. One compute ceiling is the
// roof of `math`: f32 is bounded by float multiply-adds; bf16 by AMX where there is, else by the
// better of vdpbf16ps and float multiply-adds, since widening is a way to multiply bfloat16. Each
// bandwidth of all threads is a roof, for ops of its working set. Takes about 0.2 s a kernel and
// 0.3 s a working set.
MachineCeilings probe_machine(Dtype math, std::span<const size_t> working_sets);

// Index of the ceiling that bounds `math`, by the rule above, among rates of all threads.
struct ProbedMultiply {
  MultiplyKernel kernel;
  double per_second = 0;
};
size_t roof_of(Dtype math, std::span<const ProbedMultiply> probed);

}  // namespace evalharness
