// "sparse.N:M.f32", "sparse.N:M.bf16": of every M neighbours along `in`, N are stored. A group with
// fewer non-zeros stores zeros beside them, so each block of inputs has the same number of values
// and needs no table of starts. "sparse.2:4.bf16" has a layout of its own: see sparse_24.h.
#pragma once

#include <array>

#include "harness/ops/linear_op.h"
#include "harness/ops/masked_values.h"

namespace evalharness {

inline constexpr std::array<size_t, 4> kPatternGroups = {2, 4, 8, 16};  // M of N:M

struct Pattern {
  size_t n = 0, m = 0;  // keep n of m
};
// Of "sparse.4:8.bf16". Fails unless 1 <= n <= m and m is 2, 4, 8 or 16.
Pattern pattern_of_format(const std::string& format);
void check_pattern(const Pattern& pattern, size_t in);
// Fails with the first row and group of w that has more than n non-zeros.
void check_fits(MatrixView w, const Pattern& pattern);
// w with the n largest magnitudes of each group; of equals the lower index stays.
Matrix keep_largest(MatrixView w, const Pattern& pattern);

class SparseNmLinear final : public LinearOp {
 public:
  SparseNmLinear(const Pattern& pattern, MaskedValues weight);

  std::string format() const override;
  size_t out() const override { return weight_.layout.out; }
  size_t in() const override { return weight_.layout.in; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  size_t bytes() const override { return masked_bytes(weight_); }
  size_t nonzeros() const override { return nonzeros_; }
  bool pruned() const override { return true; }
  void save(TensorWriter& to) const override { save_masked(weight_, to); }
  Cost cost(size_t tokens) const override { return panel_cost(*this, weight_.layout, tokens); }

  static constexpr size_t kBlock = 64;
  const MaskedValues& stored() const { return weight_; }
  // Number of values before input `input` (a multiple of m) of a panel.
  size_t start(size_t panel, size_t input) const {
    return (panel * weight_.layout.depth() + input) / pattern_.m * pattern_.n * 64;
  }

 private:
  Pattern pattern_;
  MaskedValues weight_;
  size_t nonzeros_ = 0;
};

}  // namespace evalharness
