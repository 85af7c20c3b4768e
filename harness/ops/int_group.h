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
//   scales   [panel][group][64] float16 or float32
//   zeros    [panel][group][32] bytes for up to 4 bits (output j in the lower half of byte j, j +
//   32
//            in the upper), else [64]; none where symmetric
// Bits a weight: bits + (16 + z) / group with z = 4 or 8 (0: symmetric), or 32 for 16 with .f32.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/math/aligned.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/panel_layout.h"

namespace evalharness {

// What a method hands over. Codes are 0..2^bits-1.
struct QuantisedMatrix {
  size_t bits = 4;   // 2..8
  size_t group = 0;  // inputs that share a scale: a multiple of 16, or 0 for the whole row
  size_t out = 0, in = 0;
  std::vector<uint8_t> codes;  // [out * in]
  Matrix scales;               // [out, groups()], each one a stored_scale()
  std::vector<uint8_t> zeros;  // [out * groups()]; empty: symmetric, 2^(bits-1)

  size_t groups() const { return group == 0 ? 1 : (in + group - 1) / group; }
};

// A scale as the format stores it: rounded to half precision for bf16 (at least its smallest
// positive number, so that a tiny group does not vanish), as it is for f32.
float stored_scale(float scale, Dtype dtype);

// Fails with a line where a scale, a code or the group cannot be stored.
LinearPtr make_int_group(const QuantisedMatrix& q, Dtype dtype);

// Sums of so many products of 8-bit codes and 8-bit inputs, 255 * 128 each, fit into an int32.
inline constexpr size_t kMostInt8Depth = 65536;

// What a format's name says: "int4.g128.bf16", "int8.row.sym.f32".
struct IntGroupFormat {
  size_t bits = 4;
  size_t group = 0;  // 0: row
  bool symmetric = false;
  Dtype dtype = Dtype::bf16;
  std::string name() const;
};
IntGroupFormat int_group_format(const std::string& name);

class IntGroupLinear final : public LinearOp {
 public:
  static constexpr size_t kUnit = 32;  // inputs whose words lie together

  struct Parts {
    AlignedVector<uint32_t> codes;
    AlignedVector<std::byte> scales;
    AlignedVector<uint8_t> zeros;
  };
  IntGroupLinear(const IntGroupFormat& format, size_t out, size_t in, Parts parts);

  std::string format() const override { return format_.name(); }
  size_t out() const override { return layout_.out; }
  size_t in() const override { return layout_.in; }
  Matrix to_dense() const override { return dense_by_rows(*this); }
  void rows(std::span<const int32_t> ids, MutableMatrixView y) const override;
  size_t bytes() const override;
  size_t nonzeros() const override { return nonzeros_; }
  void save(TensorWriter& to) const override;
  Cost cost(size_t tokens) const override { return panel_cost(*this, layout_, tokens); }

  const PanelLayout& layout() const { return layout_; }  // of the dense weight
  const IntGroupFormat& parameters() const { return format_; }
  // Inputs of a group; of one that is the whole row, the padded depth.
  size_t group_inputs() const { return format_.group == 0 ? units() * kUnit : format_.group; }
  size_t groups() const { return groups_; }
  // Of an input up to the padded depth, where the last group ends.
  size_t group_at(size_t input) const { return std::min(input / group_inputs(), groups_ - 1); }
  size_t group_end(size_t group) const {
    return group + 1 == groups_ ? units() * kUnit : (group + 1) * group_inputs();
  }
  // The words of the unit of input `input` (a multiple of 32): [bits][64].
  const uint32_t* codes(size_t panel, size_t input) const {
    return parts_.codes.data() + (panel * units() + input / kUnit) * format_.bits * 64;
  }
  // Of the 64 outputs of a panel in one group.
  const std::byte* scales(size_t panel, size_t group) const;
  // Null where symmetric.
  const uint8_t* zeros(size_t panel, size_t group) const;

  uint32_t code(size_t o, size_t i) const;
  float scale(size_t o, size_t group) const;
  float zero(size_t o, size_t group) const;

 private:
  size_t units() const { return (layout_.in + kUnit - 1) / kUnit; }

  IntGroupFormat format_;
  PanelLayout layout_;
  size_t groups_ = 0;
  Parts parts_;
  size_t nonzeros_ = 0;
};

}  // namespace evalharness
