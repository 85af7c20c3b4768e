// "scaled_input(B)": W = B diag(s), y = B (s * x): what is left of a smoothed weight where no norm
// before the layer can take the scale.
#pragma once

#include <span>
#include <vector>

#include "harness/ops/combinator.h"

namespace evalharness {

// x(:, i) *= scales[i].
void scale_columns(MutableMatrixView x, std::span<const float> scales);

// s [in], float32, finite and not zero (else fails with a line).
LinearPtr make_scaled_input(std::vector<float> scales, LinearPtr op);

class ScaledInput final : public LinearOp {
 public:
  ScaledInput(std::vector<float> scales, LinearPtr op);

  std::string format() const override { return combinator_format("scaled_input", children()); }
  size_t out() const override { return op_->out(); }
  size_t in() const override { return op_->in(); }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  std::vector<const LinearOp*> children() const override { return {op_.get()}; }
  Matrix child_input(size_t child, MatrixView x, const Multiply& multiply) const override;
  LinearPtr with_children(std::vector<LinearPtr> children) const override;
  size_t bytes() const override { return scales_.size() * sizeof(float) + op_->bytes(); }
  size_t nonzeros() const override { return op_->nonzeros(); }
  void save(TensorWriter& to) const override;  // "scales" F32 [in], "op.*"
  Cost cost(size_t tokens) const override { return combined_cost(*this, tokens); }

  const std::vector<float>& scales() const { return scales_; }

 private:
  std::vector<float> scales_;  // [in]
  LinearPtr op_;
};

}  // namespace evalharness
