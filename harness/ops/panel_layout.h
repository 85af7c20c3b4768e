// The order in which weights [out, in] lie in memory, the same on every machine, so that kernels
// multiply from the stored bytes:
//   float32:   [out / 64][in][64]
//   bfloat16:  [out / 64][in / 2][64][2]
// out is padded with zeros to a multiple of 64, in to a multiple of 16 (float32) or 32 (bfloat16).
// These are oneDNN's matmul weights BA16a64b and BA16a64b2a, and operands of vdpbf16ps and of AMX.
#pragma once

#include <cstddef>
#include <span>

#include "harness/ops/linear_op.h"

namespace evalharness {

struct PanelLayout {
  size_t out = 0, in = 0;
  Dtype dtype = Dtype::bf16;

  size_t panels() const;                                        // of 64 outputs
  size_t depth() const;                                         // in, padded
  size_t pair() const { return dtype == Dtype::bf16 ? 2 : 1; }  // neighbours along in, side by side
  size_t panel_values() const { return depth() * 64; }
  size_t values() const { return panels() * panel_values(); }
  // Place of W[o, i], counted in values.
  size_t place(size_t o, size_t i) const {
    return o / 64 * panel_values() + (i / pair() * 64 + o % 64) * pair() + i % pair();
  }
};

// One value as stored, 2 or 4 bytes.
float load_value(Dtype dtype, const std::byte* from);

// The values of panel `panel` of w in panel order, paddings zero: [depth * 64] values of
// layout.dtype.
void write_panel(MatrixView w, const PanelLayout& layout, size_t panel, std::byte* to);

// Every row of a weight, by its rows().
Matrix dense_by_rows(const LinearOp& op);
// The cost of a weight all of whose places are multiplied.
Cost panel_cost(const LinearOp& op, const PanelLayout& layout, size_t tokens);

// Fails with a line where w is empty or larger than the formats can index.
void check_weight_shape(size_t out, size_t in);

}  // namespace evalharness
