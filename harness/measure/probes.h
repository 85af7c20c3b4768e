// What this machine can do at most, measured in the run that compares itself with it: the rate of
// multiply-adds in registers, and the rate of reading memory at a given size of the working set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/measure/multiply_kernels.h"
#include "harness/measure/rates.h"
#include "harness/ops/linear_op.h"
#include "harness/result/run_result.h"

namespace evalharness {

// `threads` is 1 or thread_count().
Rate multiply_rate(const MultiplyKernel& kernel, size_t threads);

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
