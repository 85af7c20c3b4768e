// y = x * w^T by a library as it likes best: inputs in its type, weights packed beforehand, one
// slice of the whole for each thread. What our own linear layers are measured against.
#pragma once

#include <memory>

#include "harness/math/gemm.h"
#include "harness/math/matrix.h"
#include "harness/ops/linear_op.h"

namespace evalharness {

enum class GemmSplit { tokens, outputs };  // what is divided among the threads

class LibraryGemm {
 public:
  virtual ~LibraryGemm() = default;
  virtual void run() = 0;             // on all threads of parallel_for
  virtual Matrix result() const = 0;  // [tokens, out] of the last run
};

// x [tokens, in], w [out, in]; both are copied. bf16 rounds both and accumulates in float32.
std::unique_ptr<LibraryGemm> make_onednn_gemm(MatrixView x, MatrixView w, Dtype dtype,
                                              GemmSplit split);
// Float32 only.
std::unique_ptr<LibraryGemm> make_openblas_gemm(MatrixView x, MatrixView w, GemmSplit split);

// The share of thread `i`: [first, last) of n, whole multiples of 16 as far as they go.
struct GemmSlice {
  size_t first = 0, last = 0;
};
GemmSlice gemm_slice(size_t n, size_t i, size_t threads);

}  // namespace evalharness
