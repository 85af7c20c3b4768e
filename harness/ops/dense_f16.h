// "dense.f16": every weight as an IEEE half, [out / 64][in][64]: the panel order of dense.f32. What multiplies
// is float32, x as it is: three bits more of a weight than dense.bf16, from the same bytes.
#pragma once

#include "harness/math/aligned.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/panel_layout.h"

namespace evalharness {

class DenseF16Linear final : public LinearOp {
 public:
  DenseF16Linear(size_t out, size_t in, AlignedVector<uint16_t> panels);

  std::string format() const override { return "dense.f16"; }
  size_t out() const override { return layout_.out; }
  size_t in() const override { return layout_.in; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  size_t bytes() const override { return panels_.size() * sizeof(uint16_t); }
  size_t nonzeros() const override { return nonzeros_; }
  void save(TensorWriter& to) const override;
  Cost cost(size_t tokens) const override { return panel_cost(*this, layout_, tokens); }

  const PanelLayout& layout() const { return layout_; }  // of the float32 weight that multiplies
  // From input `input` of a panel on.
  const uint16_t* panel(size_t panel, size_t input) const { return panels_.data() + panel * layout_.panel_values() + input * 64; }

 private:
  PanelLayout layout_;
  AlignedVector<uint16_t> panels_;  // [layout.values()]
  size_t nonzeros_ = 0;
};

// Rounds to nearest even. Fails with a line where a weight is beyond the largest half, 65504.
LinearPtr make_dense_f16(MatrixView w);

}  // namespace evalharness
