// A weight bound to a backend: the form that multiplies.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "harness/math/matrix.h"
#include "harness/ops/linear_op.h"

namespace evalharness {

class BoundLinear {
 public:
  virtual ~BoundLinear() = default;
  virtual size_t out() const = 0;
  virtual size_t in() const = 0;
  // y[t, count] = x[t, in] * W[first .. first+count, in]^T, memory of this backend. `first` is a
  // multiple of 64. A weight stored as bf16 rounds x to bfloat16 and accumulates in float32.
  virtual void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const = 0;
  void forward(MatrixView x, MutableMatrixView y) const { forward_slice(x, 0, out(), y); }
  virtual size_t resident_bytes() const = 0;  // at most 1.1 times the op's bytes
  // The kernel that `tokens` rows run on: "dense.bf16 few avx512bf16", "dense.f32 onednn".
  virtual std::string kernel(size_t tokens) const = 0;
};

// Instruction sets that CPU kernels are written for, in rising order.
enum class Isa { scalar, avx2, avx512, avx512bf16, amx };
std::string isa_name(Isa isa);
Isa best_isa();               // of this machine, by CPUID
bool has_isa(Isa isa);
enum class GemmLibrary { onednn, openblas };

struct CpuOptions {
  Isa isa = best_isa();
  GemmLibrary gemm = GemmLibrary::onednn;
};

// `op` is borrowed and must outlive the result: CPU kernels read its bytes in place.
std::unique_ptr<BoundLinear> bind_cpu(const LinearOp& op, const CpuOptions& options);

}  // namespace evalharness
