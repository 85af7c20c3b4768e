// "quantised_input(B)": y = B Q(x), where Q rounds each token's activations to 8 bits,
//
//     scale = max |x_j| / 127,   code_j = round_half_even(x_j / scale) in -127..127,   Q(x)_j = code_j * scale
//
// (per token, dynamic, symmetric: LLM.int8()'s and SmoothQuant O1's). The matrix W is B; the rounding of x is part
// of the forward pass. Over int8.row.sym the product is one of integers.
#pragma once

#include "harness/ops/combinator.h"

namespace evalharness {

LinearPtr make_quantised_input(LinearPtr op);

// Whether kernels multiply codes by codes: weights of 8 bits, a scale a row, symmetric.
bool multiplies_integers(const LinearOp& weight);

// The codes of one token; returns the scale (0 where x is all zeros).
float quantise_token(std::span<const float> x, std::span<int8_t> codes);

class QuantisedInput final : public LinearOp {
 public:
  explicit QuantisedInput(LinearPtr op) : op_(std::move(op)) {}

  std::string format() const override { return combinator_format("quantised_input", children()); }
  size_t out() const override { return op_->out(); }
  size_t in() const override { return op_->in(); }
  Matrix to_dense() const override { return op_->to_dense(); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override { op_->rows(ids, y); }
  std::vector<const LinearOp*> children() const override { return {op_.get()}; }
  Matrix child_input(size_t child, MatrixView x, const Multiply& multiply) const override;  // Q(x)
  LinearPtr with_children(std::vector<LinearPtr> children) const override;
  size_t bytes() const override { return op_->bytes(); }
  size_t nonzeros() const override { return op_->nonzeros(); }
  void save(TensorWriter& to) const override;  // "op.*"
  Cost cost(size_t tokens) const override;

 private:
  LinearPtr op_;
};

}  // namespace evalharness
