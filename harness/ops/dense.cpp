#include "harness/ops/dense.h"

#include <cstring>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/gemm.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

// Of values with all bits but the sign's zero. Word is as wide as a value.
template <class Word>
size_t count_nonzeros(std::span<const std::byte> values) {
  size_t count = 0;
  for (size_t i = 0; i < values.size(); i += sizeof(Word)) {
    Word word;
    std::memcpy(&word, values.data() + i, sizeof word);
    count += static_cast<Word>(word << 1) != 0;
  }
  return count;
}

size_t count_nonzeros(const PanelLayout& layout, std::span<const std::byte> panels) {
  std::vector<size_t> of_panel(layout.panels());
  parallel_for(layout.panels(), [&](size_t panel) {
    const size_t bytes = panels.size() / layout.panels();
    const std::span<const std::byte> values = panels.subspan(panel * bytes, bytes);
    of_panel[panel] = layout.dtype == Dtype::bf16 ? count_nonzeros<uint16_t>(values) : count_nonzeros<uint32_t>(values);
  });
  return std::accumulate(of_panel.begin(), of_panel.end(), size_t{0});
}

LinearPtr load_dense(const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
  check_weight_shape(out, in);
  const PanelLayout layout{out, in, dtype_of_format(format)};
  const std::string what = cat(format, " [", out, ", ", in, "]");
  const StoredTensor& weight = stored_part(parts, what, "weight");
  check_part_bytes(weight, what, "weight", layout.values() * dtype_bytes(layout.dtype));
  return std::make_unique<DenseLinear>(
      layout, AlignedVector<std::byte>(weight.bytes.begin(), weight.bytes.end()));
}

LinearPtr nearest_dense(const std::string& format, MatrixView w) {
  return make_dense(w, dtype_of_format(format));
}

const RegisterFormat dense_registration({.prefix = "dense.",
                                   .load = load_dense,
                                   .examples = {"dense.bf16", "dense.f32"},
                                   .nearest = nearest_dense});

}  // namespace

DenseLinear::DenseLinear(const PanelLayout& layout, AlignedVector<std::byte> panels)
    : layout_(layout), panels_(std::move(panels)) {
  EH_ASSERT(panels_.size() == layout_.values() * dtype_bytes(layout_.dtype));
  nonzeros_ = count_nonzeros(layout_, panels_);
}

std::string DenseLinear::format() const { return cat("dense.", dtype_name(layout_.dtype)); }

void DenseLinear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  const size_t width = dtype_bytes(layout_.dtype);
  parallel_for(ids.size(), [&](size_t row) {
    const size_t id = static_cast<size_t>(ids[row]);
    EH_ASSERT(ids[row] >= 0 && id < out());
    for (size_t i = 0; i < in(); ++i) {
      y(row, i) = load_value(layout_.dtype, panels() + layout_.place(id, i) * width);
    }
  });
}

void DenseLinear::save(TensorWriter& to) const {
  const std::vector<size_t> shape =
      layout_.dtype == Dtype::bf16
          ? std::vector<size_t>{layout_.panels(), layout_.depth() / 2, kPanelWidth, 2}
          : std::vector<size_t>{layout_.panels(), layout_.depth(), kPanelWidth};
  to.put("weight", {layout_.dtype == Dtype::bf16 ? "BF16" : "F32", shape, panels_});
}

LinearPtr make_dense(MatrixView w, Dtype dtype) {
  check_weight_shape(w.rows, w.cols);
  const PanelLayout layout{w.rows, w.cols, dtype};
  const size_t panel_bytes = layout.panel_values() * dtype_bytes(dtype);
  AlignedVector<std::byte> panels(layout.panels() * panel_bytes);
  parallel_for(layout.panels(), [&](size_t panel) {
    write_panel(w, layout, panel, panels.data() + panel * panel_bytes);
  });
  return std::make_unique<DenseLinear>(layout, std::move(panels));
}

}  // namespace evalharness
