// "quantised_input(B)": y = B Q(x), where Q rounds activations to 8 bits,
//
//     code_j = round_half_even(x_j / scale) in -127..127,   Q(x)_j = code_j * scale,   symmetric;
//
//     quantised_input(B)         scale = max |x_j| / 127 of each token (dynamic: LLM.int8(), SmoothQuant O1)
//     quantised_input.tensor(B)  the same of all tokens that are multiplied together (dynamic: SmoothQuant O2): what a token
//                                gives depends on those beside it
//     quantised_input.static(B)  one stored scale (SmoothQuant O3): what is larger than 127 of it is cut off
//
// The matrix W is B; the rounding of x is part of the forward pass. Over int8.row.sym the product is one of integers.
#pragma once

#include <optional>

#include "harness/ops/combinator.h"

namespace evalharness {

LinearPtr make_quantised_input(LinearPtr op);
LinearPtr make_tensor_quantised_input(LinearPtr op);
// Fails unless the scale is finite and above 0.
LinearPtr make_static_quantised_input(float scale, LinearPtr op);

// Whether kernels multiply codes by codes: weights of 8 bits, a scale a row, symmetric.
bool multiplies_integers(const LinearOp& weight);

// The codes of one token by its own scale, which is returned (0 where x is all zeros).
float quantise_token(std::span<const float> x, std::span<int8_t> codes);
// By a scale that is given, above 0.
void quantise_token(std::span<const float> x, float scale, std::span<int8_t> codes);

class QuantisedInput final : public LinearOp {
 public:
  enum class Scale { token, tensor, fixed };
  // `fixed`: the scale of Scale::fixed.
  QuantisedInput(Scale kind, float fixed, LinearPtr op) : kind_(kind), fixed_(fixed), op_(std::move(op)) {}

  // What all rows of x share; nothing where each has its own, or all are zeros.
  std::optional<float> shared_scale(MatrixView x) const;
  bool rounds_as(const QuantisedInput& other) const { return kind_ == other.kind_ && (kind_ != Scale::fixed || fixed_ == other.fixed_); }

  std::string format() const override { return combinator_format(name(), children()); }
  std::string name() const;  // "quantised_input.static"
  size_t out() const override { return op_->out(); }
  size_t in() const override { return op_->in(); }
  Matrix to_dense() const override { return op_->to_dense(); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override { op_->rows(ids, y); }
  std::vector<const LinearOp*> children() const override { return {op_.get()}; }
  Matrix child_input(size_t child, MatrixView x, const Multiply& multiply) const override;  // Q(x)
  LinearPtr with_children(std::vector<LinearPtr> children) const override;
  size_t bytes() const override { return op_->bytes() + (kind_ == Scale::fixed ? sizeof fixed_ : 0); }
  size_t nonzeros() const override { return op_->nonzeros(); }
  void save(TensorWriter& to) const override;  // "op.*"; "scale" [1] where it is fixed
  Cost cost(size_t tokens) const override;

 private:
  Scale kind_;
  float fixed_;
  LinearPtr op_;
};

}  // namespace evalharness
