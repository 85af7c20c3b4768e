// "sparse.bitmask.int4.g64.bf16", "sparse.bitmask.int8.row.sym.f32": what is left of a pruned weight as integer
// codes with a scale (and a zero) for each group of original neighbours along `in`; the rest of the name is
// that of int_group.h. One bit a place says whether it holds a code; a place without one is 0.
//
// Stored bytes, [out / 64] panels of 64 outputs (in padded to 32, out to 64):
//   mask     [panel][in / 4][64][4] bits, in words of 64 from the lowest bit: four inputs of an output side by
//            side, so that expanded bytes are a 32-bit lane an output
//   codes    of each word a string of bits, from the lowest bit of the first byte: the codes of its ones in their
//            order, `bits` bits each, filled up to a byte, so that kernels unpack a word with shifts they know
//   starts   [panel][in / 64] uint64: the bytes of `codes` before a block
// Scales and zeros: stored_grids.h. A code that stands for 0 is not stored.
// Bits a weight: 1 + kept * bits + (16 + z) / group + 1/64, z as in int_group.h, and what fills the bytes of a word: of four bits
// 1/32 on average.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "harness/base/integers.h"
#include "harness/math/aligned.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/panel_layout.h"
#include "harness/ops/stored_grids.h"

namespace evalharness {

// The bytes of a word's codes.
inline size_t masked_code_bytes(uint64_t word, size_t bits) { return ceil_div(static_cast<size_t>(std::popcount(word)) * bits, 8); }

class SparseBitmaskIntLinear final : public LinearOp {
 public:
  static constexpr size_t kBlock = 64;  // inputs: where a kernel may begin

  struct Parts {
    AlignedVector<uint64_t> mask;
    AlignedVector<uint8_t> codes;  // then kValuePadding bytes
  };
  SparseBitmaskIntLinear(StoredGrids grids, size_t out, size_t in, Parts parts);

  std::string format() const override { return "sparse.bitmask." + grids_.format().name(); }
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
  const StoredGrids& grids() const { return grids_; }
  // The words of inputs [input, input + inputs) of a panel, multiples of 4: one for each input.
  std::span<const uint64_t> mask(size_t panel, size_t input, size_t inputs) const {
    return {parts_.mask.data() + panel * depth() + input, inputs};
  }
  // The codes from `input` on, a multiple of kBlock.
  const uint8_t* codes(size_t panel, size_t input) const {
    return parts_.codes.data() + starts_[panel * blocks() + input / kBlock];
  }

 private:
  size_t depth() const { return (layout_.in + StoredGrids::kUnit - 1) / StoredGrids::kUnit * StoredGrids::kUnit; }
  size_t blocks() const { return (depth() + kBlock - 1) / kBlock; }  // of a panel
  void read_row(size_t o, std::span<float> y) const;

  StoredGrids grids_;
  PanelLayout layout_;
  Parts parts_;
  AlignedVector<uint64_t> starts_;  // [panels * blocks], summed from the mask
  size_t nonzeros_ = 0;
};

// Fails with a line where a scale, a code or the group cannot be stored.
LinearPtr make_sparse_bitmask_int(const QuantisedMatrix& q, Dtype dtype);

}  // namespace evalharness
