// "sum(A, B)": W = A + B, both [out, in]: integers and their outliers, a frozen weight and its low-rank
// correction.
#pragma once

#include "harness/ops/combinator.h"

namespace evalharness {

// Fails with a line where the sizes differ.
LinearPtr make_sum(LinearPtr a, LinearPtr b);

class Sum final : public LinearOp {
 public:
  Sum(LinearPtr a, LinearPtr b);

  std::string format() const override { return combinator_format("sum", children()); }
  size_t out() const override { return a_->out(); }
  size_t in() const override { return a_->in(); }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  std::vector<const LinearOp*> children() const override { return {a_.get(), b_.get()}; }
  Matrix child_input(size_t, MatrixView x, const Multiply&) const override { return Matrix(x); }
  LinearPtr with_children(std::vector<LinearPtr> children) const override;
  size_t bytes() const override { return a_->bytes() + b_->bytes(); }
  size_t nonzeros() const override { return nonzeros_; }  // of A + B
  void save(TensorWriter& to) const override;             // "a.*", "b.*"
  Cost cost(size_t tokens) const override { return combined_cost(*this, tokens); }

 private:
  LinearPtr a_, b_;
  size_t nonzeros_ = 0;
};

}  // namespace evalharness
