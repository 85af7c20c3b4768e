// "dense.f32", "dense.bf16": every weight, in panel order.
#pragma once

#include "harness/math/aligned.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/panel_layout.h"

namespace evalharness {

class DenseLinear final : public LinearOp {
 public:
  DenseLinear(const PanelLayout& layout, AlignedVector<std::byte> panels);

  std::string format() const override;
  size_t out() const override { return layout_.out; }
  size_t in() const override { return layout_.in; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  size_t bytes() const override { return panels_.size(); }
  size_t nonzeros() const override { return nonzeros_; }
  void save(TensorWriter& to) const override;
  Cost cost(size_t tokens) const override { return panel_cost(*this, layout_, tokens); }

  const PanelLayout& layout() const { return layout_; }
  const std::byte* panels() const { return panels_.data(); }

 private:
  PanelLayout layout_;
  AlignedVector<std::byte> panels_;  // [layout.values()] of layout.dtype
  size_t nonzeros_ = 0;
};

}  // namespace evalharness
