// "sparse.bitmask.f32", "sparse.bitmask.bf16": one bit a place, and the non-zeros.
#pragma once

#include "harness/ops/linear_op.h"
#include "harness/ops/masked_values.h"

namespace evalharness {

class SparseBitmaskLinear final : public LinearOp {
 public:
  // Inputs between two entries of `starts`: where a kernel may begin inside a panel.
  static constexpr size_t kBlock = 64;

  explicit SparseBitmaskLinear(MaskedValues weight);

  std::string format() const override;
  size_t out() const override { return weight_.layout.out; }
  size_t in() const override { return weight_.layout.in; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  size_t bytes() const override;
  size_t nonzeros() const override { return nonzeros_; }
  bool pruned() const override { return true; }
  void save(TensorWriter& to) const override;
  Cost cost(size_t tokens) const override { return panel_cost(*this, weight_.layout, tokens); }

  const MaskedValues& stored() const { return weight_; }
  // Number of values before input `input` (a multiple of kBlock) of a panel.
  size_t start(size_t panel, size_t input) const;

 private:
  MaskedValues weight_;
  size_t blocks_ = 0;               // of a panel
  AlignedVector<uint64_t> starts_;  // [panels * blocks], summed from the mask
  size_t nonzeros_ = 0;
};

}  // namespace evalharness
