// Integer weights with a scale (and a zero) for each group of neighbours along `in`:
//
//   W[o, i] = (code[o, i] - zero[o, g]) * scale[o, g],   g = i / group
//
// "int4.g128.bf16": 4 bits a code, groups of 128 inputs (the last one may be shorter), a zero for
// each group. "int8.row.sym.bf16": one group a row; symmetric: every zero is 2^(bits-1) and none is
// stored. The ending says what multiplies, as of dense weights:
//   .bf16   scales are half-precision floats, x is rounded to bfloat16
//   .f32    scales and x are float32
//
// Stored bytes, [out / 64] panels of 64 outputs (in padded to 32, out to 64):
//   codes    [panel][in / 32][bits][64] uint32: exactly `bits` bits a weight, split into planes of
//            4, 2 and 1 bits, the lowest bits first. A word holds inputs of one output: of a 4-bit
//            plane 8 inputs (4 words for 32), of a 2-bit plane 16, of a 1-bit plane 32. Even inputs
//            are in the lower half of a word, odd ones in the upper, rising from its lowest bit, so
//            that `word >> shift & 0x000f000f` is a pair of neighbours in the lanes that vdpbf16ps
//            wants.
// Scales and zeros: stored_grids.h.
// Bits a weight: bits + (16 + z) / group with z = 4 or 8 (0: symmetric), or 32 for 16 with .f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "harness/math/aligned.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/panel_layout.h"
#include "harness/ops/stored_grids.h"

namespace evalharness {

// Fails with a line where a scale, a code or the group cannot be stored.
LinearPtr make_int_group(const QuantisedMatrix& q, Dtype dtype);

// Sums of so many products of 8-bit codes and 8-bit inputs, 255 * 128 each, fit into an int32.
inline constexpr size_t kMostInt8Depth = 65536;

class IntGroupLinear final : public LinearOp {
 public:
  static constexpr size_t kUnit = StoredGrids::kUnit;  // inputs whose words lie together

  IntGroupLinear(StoredGrids grids, size_t out, size_t in, AlignedVector<uint32_t> codes);

  std::string format() const override { return parameters().name(); }
  size_t out() const override { return layout_.out; }
  size_t in() const override { return layout_.in; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  size_t bytes() const override { return codes_.size() * sizeof(uint32_t) + grids_.bytes(); }
  size_t nonzeros() const override { return nonzeros_; }
  void save(TensorWriter& to) const override;
  Cost cost(size_t tokens) const override { return panel_cost(*this, layout_, tokens); }

  const PanelLayout& layout() const { return layout_; }  // of the dense weight
  const IntGroupFormat& parameters() const { return grids_.format(); }
  const StoredGrids& grids() const { return grids_; }
  // The words of the unit of input `input` (a multiple of 32): [bits][64].
  const uint32_t* codes(size_t panel, size_t input) const {
    return codes_.data() + (panel * units() + input / kUnit) * parameters().bits * 64;
  }
  uint32_t code(size_t o, size_t i) const;

 private:
  size_t units() const { return (layout_.in + kUnit - 1) / kUnit; }

  StoredGrids grids_;
  PanelLayout layout_;
  AlignedVector<uint32_t> codes_;
  size_t nonzeros_ = 0;
};

}  // namespace evalharness
