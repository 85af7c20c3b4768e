#include "harness/ops/dense_f16.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/float16.h"
#include "harness/math/gemm.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

std::string shape_text(size_t out, size_t in) { return cat("dense.f16 [", out, ", ", in, "]"); }

LinearPtr load_dense_f16(const std::string&, size_t out, size_t in, const MemoryTensors& parts) {
  check_weight_shape(out, in);
  const PanelLayout layout{out, in, Dtype::f32};
  const StoredTensor& weight = stored_part(parts, shape_text(out, in), "weight");
  check_part_bytes(weight, shape_text(out, in), "weight", layout.values() * sizeof(uint16_t));
  AlignedVector<uint16_t> panels(layout.values());
  std::memcpy(panels.data(), weight.bytes.data(), weight.bytes.size());
  return std::make_unique<DenseF16Linear>(out, in, std::move(panels));
}

void check_range(MatrixView w) {
  for (size_t o = 0; o < w.rows; ++o)
    for (const float value : w.row(o))
      if (std::isfinite(value) && (to_float16(value) & 0x7fffu) == 0x7c00u)
        fail(cat(shape_text(w.rows, w.cols), ": row ", o, ": expected weights up to 65504, got ", value));
}

const RegisterFormat dense_f16_registration({.prefix = "dense.f16",
                                   .load = load_dense_f16,
                                   .examples = {"dense.f16"},
                                   .nearest = [](const std::string&, MatrixView w) { return make_dense_f16(w); }});

}  // namespace

DenseF16Linear::DenseF16Linear(size_t out, size_t in, AlignedVector<uint16_t> panels)
    : layout_{out, in, Dtype::f32}, panels_(std::move(panels)) {
  EH_ASSERT(panels_.size() == layout_.values());
  for (const uint16_t half : panels_) nonzeros_ += (half & 0x7fffu) != 0;
}

void DenseF16Linear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  parallel_for(ids.size(), [&](size_t row) {
    const size_t id = static_cast<size_t>(ids[row]);
    EH_ASSERT(ids[row] >= 0 && id < out());
    for (size_t i = 0; i < in(); ++i) y(row, i) = from_float16(panels_[layout_.place(id, i)]);
  });
}

void DenseF16Linear::save(TensorWriter& to) const {
  to.put("weight", {"F16", {layout_.panels(), layout_.depth(), kPanelWidth}, std::as_bytes(std::span(panels_))});
}

LinearPtr make_dense_f16(MatrixView w) {
  check_weight_shape(w.rows, w.cols);
  check_range(w);
  const PanelLayout layout{w.rows, w.cols, Dtype::f32};
  AlignedVector<uint16_t> panels(layout.values());
  parallel_for(w.rows, [&](size_t o) {
    for (size_t i = 0; i < w.cols; ++i) panels[layout.place(o, i)] = to_float16(w(o, i));
  });
  return std::make_unique<DenseF16Linear>(w.rows, w.cols, std::move(panels));
}

}  // namespace evalharness
