// What integer formats share: how a weight comes from a method as codes, and where the scale and the zero
// of each group of neighbours along `in` lie.
//
//   W[o, i] = (code[o, i] - zero[o, g]) * scale[o, g],   g = i / group
//
//   scales   [out / 64][group][64] float16 (.bf16) or float32 (.f32)
//   zeros    [out / 64][group][32] bytes for up to 4 bits (output j in the lower half of byte j, j + 32
//            in the upper), else [64]; none where symmetric: every zero is 2^(bits-1)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/math/aligned.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/tensor_io.h"

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
  // The code that stands for 0.
  uint8_t zero(size_t o, size_t group_index) const {
    return zeros.empty() ? static_cast<uint8_t>(1u << (bits - 1)) : zeros[o * groups() + group_index];
  }
};

// A scale as the formats store it: rounded to half precision for bf16 (at least its smallest
// positive number, so that a tiny group does not vanish), as it is for f32.
float stored_scale(float scale, Dtype dtype);

// Fails with a line where a scale, a code or the group cannot be stored.
void check_quantised(const QuantisedMatrix& q, Dtype dtype);

// What a format's name says: "int4.g128.bf16", "int8.row.sym.f32".
struct IntGroupFormat {
  size_t bits = 4;
  size_t group = 0;  // 0: row
  bool symmetric = false;
  Dtype dtype = Dtype::bf16;
  std::string name() const;
};
IntGroupFormat int_group_format(const std::string& name);
// The nearest codes: by the largest magnitude where symmetric, else between the least and the greatest weight.
QuantisedMatrix nearest_codes(MatrixView w, const IntGroupFormat& format);

class StoredGrids {
 public:
  static constexpr size_t kUnit = 32;  // inputs are padded to a multiple of it

  StoredGrids(const IntGroupFormat& format, size_t out, size_t in);  // scales of zero
  StoredGrids(const QuantisedMatrix& q, Dtype dtype);
  // Of the parts "scales" and "zeros". Fails with a line that starts with `what` where they do not fit.
  static StoredGrids load(const std::string& what, const IntGroupFormat& format, size_t out, size_t in,
                          const MemoryTensors& parts);
  void save(TensorWriter& to) const;
  size_t bytes() const { return scales_.size() + zeros_.size(); }

  const IntGroupFormat& format() const { return format_; }
  // Inputs of a group; of one that is the whole row, the padded depth.
  size_t group_inputs() const { return format_.group == 0 ? depth_ : format_.group; }
  size_t groups() const { return groups_; }
  // Of an input up to the padded depth, where the last group ends.
  size_t group_at(size_t input) const { return std::min(input / group_inputs(), groups_ - 1); }
  size_t group_end(size_t group) const { return group + 1 == groups_ ? depth_ : (group + 1) * group_inputs(); }

  // Of the 64 outputs of a panel in one group.
  const std::byte* scales(size_t panel, size_t group) const;
  // Null where symmetric.
  const uint8_t* zeros(size_t panel, size_t group) const;
  float scale(size_t o, size_t group) const;
  float zero(size_t o, size_t group) const;

 private:
  void put_row(const QuantisedMatrix& q, size_t o);

  IntGroupFormat format_;
  size_t depth_ = 0, groups_ = 0;
  AlignedVector<std::byte> scales_;
  AlignedVector<uint8_t> zeros_;
};

}  // namespace evalharness
