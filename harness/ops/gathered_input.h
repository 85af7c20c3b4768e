// "permuted_input(B)": y = B x', x'(j) = x(ids[j]), so that column ids[j] of W is column j of B: a weight
// whose inputs were put in another order, by size or by salience.
// "selected_input(B)": the same where B reads some of the inputs only; the other columns of W are zero.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "harness/ops/combinator.h"

namespace evalharness {

// Columns ids[0], ids[1], ... of x: [rows, ids.size()].
Matrix gather_columns(MatrixView x, std::span<const uint32_t> ids);

// ids [in] is a permutation of 0 .. in-1, else this fails with a line.
LinearPtr make_permuted_input(std::vector<uint32_t> ids, LinearPtr op);
// ids [op->in()] are different inputs of the `in` (more than op->in()) that there are.
LinearPtr make_selected_input(std::vector<uint32_t> ids, size_t in, LinearPtr op);

class GatheredInput final : public LinearOp {
 public:
  GatheredInput(std::vector<uint32_t> ids, size_t in, LinearPtr op);

  std::string format() const override;
  size_t out() const override { return op_->out(); }
  size_t in() const override { return in_; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  std::vector<const LinearOp*> children() const override { return {op_.get()}; }
  Matrix child_input(size_t child, MatrixView x, const Multiply& multiply) const override;
  LinearPtr with_children(std::vector<LinearPtr> children) const override;
  size_t bytes() const override { return ids_.size() * sizeof(uint32_t) + op_->bytes(); }
  size_t nonzeros() const override { return op_->nonzeros(); }
  void save(TensorWriter& to) const override;  // "ids" U32 [op->in()], "op.*"
  Cost cost(size_t tokens) const override { return combined_cost(*this, tokens); }

  const std::vector<uint32_t>& ids() const { return ids_; }

 private:
  std::vector<uint32_t> ids_;
  size_t in_;
  LinearPtr op_;
};

}  // namespace evalharness
