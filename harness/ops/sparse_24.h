// "sparse.2:4.bf16": of every four inputs two are stored, 9/16 of the bytes of dense.bf16, in a
// form that selects inputs instead of putting zeros back, so that a few-token kernel does half the
// products.
//
//   values   [out / 64][in / 4][64][2] bfloat16: what an output keeps of four inputs, in their
//   order indices  [out / 64][in / 32][64] uint32: of eight groups, four bits a group, lowest
//   first;
//            bits 0..1 of the four are the first kept input's place in the group, bits 2..3 the
//            second's
#pragma once

#include <cstdint>

#include "harness/math/aligned.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/panel_layout.h"

namespace evalharness {

class Sparse24Linear final : public LinearOp {
 public:
  Sparse24Linear(const PanelLayout& layout, AlignedVector<uint16_t> values,
                 AlignedVector<uint32_t> indices);

  std::string format() const override { return "sparse.2:4.bf16"; }
  size_t out() const override { return layout_.out; }
  size_t in() const override { return layout_.in; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  size_t bytes() const override;
  size_t nonzeros() const override { return nonzeros_; }
  bool pruned() const override { return true; }
  void save(TensorWriter& to) const override;
  Cost cost(size_t tokens) const override { return panel_cost(*this, layout_, tokens); }

  const PanelLayout& layout() const { return layout_; }  // of the dense weight
  // From input `input` (a multiple of 32) of a panel on.
  const uint16_t* values(size_t panel, size_t input) const {
    return values_.data() + (panel * layout_.depth() + input) * 32;
  }
  const uint32_t* indices(size_t panel, size_t input) const {
    return indices_.data() + (panel * layout_.depth() + input) * 2;
  }

 private:
  PanelLayout layout_;
  AlignedVector<uint16_t> values_;
  AlignedVector<uint32_t> indices_;
  size_t nonzeros_ = 0;
};

// Precondition: w fits the pattern (see check_fits).
LinearPtr make_sparse_24(MatrixView w);

}  // namespace evalharness
