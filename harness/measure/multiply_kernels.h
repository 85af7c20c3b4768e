// Loops of independent multiply-adds that never leave the registers: the fastest that an
// instruction runs. Each multiply-add adds 1 * 1, so run(n) is n * flops_per_iteration / 2: the
// proof that every counted operation was executed.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace evalharness {

struct MultiplyKernel {
  std::string math;         // what is multiplied: "f32", "bf16", "int8"
  std::string instruction;  // "fma avx512", "vdpbf16ps", "amx"
  double flops_per_iteration = 0;
  double (*run)(size_t iterations) = nullptr;  // the sum of all accumulators
};

// Those that this machine can execute, at least one of f32 (sse2 only where there is nothing
// wider).
std::vector<MultiplyKernel> multiply_kernels();

// Of AMX tiles. Precondition: cpu_features() has them.
MultiplyKernel amx_bf16_kernel();
MultiplyKernel amx_int8_kernel();

}  // namespace evalharness
