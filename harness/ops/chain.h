// "chain(V, U)": W = U V with V [rank, in] and U [out, rank], each in any format. Low rank, where
// rank * (in + out) < in * out. Multiplied as V first, then U; where U rounds its inputs (bf16), what
// V gives is rounded in between.
#pragma once

#include "harness/ops/combinator.h"

namespace evalharness {

// Fails with a line where U does not read what V gives.
LinearPtr make_chain(LinearPtr v, LinearPtr u);

class Chain final : public LinearOp {
 public:
  Chain(LinearPtr v, LinearPtr u);

  std::string format() const override { return combinator_format("chain", children()); }
  size_t out() const override { return u_->out(); }
  size_t in() const override { return v_->in(); }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  std::vector<const LinearOp*> children() const override { return {v_.get(), u_.get()}; }
  Matrix child_input(size_t child, MatrixView x, const Multiply& multiply) const override;
  LinearPtr with_children(std::vector<LinearPtr> children) const override;
  size_t bytes() const override { return v_->bytes() + u_->bytes() + sizeof(int64_t); }
  // Places (o, i) of W with some k where U(o, k) and V(k, i) are both non-zero.
  size_t nonzeros() const override { return nonzeros_; }
  void save(TensorWriter& to) const override;  // "rank" I64 [1], "v.*", "u.*"
  Cost cost(size_t tokens) const override { return combined_cost(*this, tokens); }

 private:
  LinearPtr v_, u_;
  size_t nonzeros_ = 0;
};

}  // namespace evalharness
