// A weight bound to a backend: the form that multiplies.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "harness/math/gemm.h"
#include "harness/math/isa.h"
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
  // A slice has the bytes of the same columns of the whole, and so on any number of threads.
  virtual void forward_slice(MatrixView x, size_t first, size_t count,
                             MutableMatrixView y) const = 0;
  void forward(MatrixView x, MutableMatrixView y) const { forward_slice(x, 0, out(), y); }
  // Of two weights joined, a gate and what it lets through: y[t, out / 2] = silu(x * gate^T) * (x * up^T), the bytes of Backend::silu_gate of
  // forward's halves. False, and y as it was, where so many tokens have no kernel that does both.
  virtual bool forward_gated(MatrixView /*x*/, MutableMatrixView /*y*/) const { return false; }
  virtual size_t resident_bytes() const = 0;  // at most 1.1 times the op's bytes
  // Of the operations that the op's cost() has as executed, those with zeros that the kernel of so many tokens leaves out.
  virtual double skipped_flops(size_t /*tokens*/) const { return 0; }
  // This and the others, each a single weight, as one product of one input, their outputs side by side; null where they do not go
  // together. The result borrows them.
  virtual std::unique_ptr<BoundLinear> join(std::span<const BoundLinear* const> /*others*/) const { return nullptr; }
  // The kernel that `tokens` rows run on: "dense.bf16 few avx512bf16", "dense.f32 many onednn".
  virtual std::string kernel(size_t tokens) const = 0;
};

// The op's cost on the kernel that so many tokens run on; `bound` is that op.
Cost cost_on(const BoundLinear& bound, const LinearOp& op, size_t tokens);

struct CpuOptions {
  Isa isa = best_isa();
  GemmLibrary gemm = GemmLibrary::fastest;
  bool operator==(const CpuOptions&) const = default;
};

// `op` is borrowed and must outlive the result: CPU kernels read its bytes in place. Fails with a
// line where the format has no kernel or this machine lacks options.isa.
std::unique_ptr<BoundLinear> bind_cpu(const LinearOp& op, const CpuOptions& options);

// How bind_cpu finds a format's kernels, by the prefix of its name; the longest one wins.
using Binder = std::unique_ptr<BoundLinear> (*)(const LinearOp& op, const CpuOptions& options);
struct RegisterKernels {
  RegisterKernels(const std::string& prefix, Binder bind);
};

}  // namespace evalharness
