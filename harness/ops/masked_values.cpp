#include "harness/ops/masked_values.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/ops/format_registry.h"

namespace evalharness {
namespace {

// The values of a panel whose bits are set, appended to `values`.
void append_masked(Dtype dtype, const std::byte* dense, std::span<const uint64_t> mask,
                   AlignedVector<std::byte>& values) {
  const size_t width = dtype_bytes(dtype);
  for (size_t word = 0; word < mask.size(); ++word) {
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      const std::byte* const value =
          dense + (word * 64 + static_cast<size_t>(std::countr_zero(bits))) * width;
      values.insert(values.end(), value, value + width);
    }
  }
}

}  // namespace

size_t count_bits(std::span<const uint64_t> mask) {
  size_t count = 0;
  for (const uint64_t word : mask) count += static_cast<size_t>(std::popcount(word));
  return count;
}

MaskedValues pack_masked(MatrixView w, Dtype dtype, const MarkPanel& mark) {
  check_weight_shape(w.rows, w.cols);
  MaskedValues weight{{w.rows, w.cols, dtype}, {}, {}};
  const PanelLayout& layout = weight.layout;
  weight.mask.resize(layout.panels() * layout.depth());
  std::vector<AlignedVector<std::byte>> values(layout.panels());
  parallel_for(layout.panels(), [&](size_t panel) {
    std::vector<std::byte> dense(layout.panel_values() * dtype_bytes(dtype));
    write_panel(w, layout, panel, dense.data());
    const std::span<uint64_t> mask(&weight.mask[panel * layout.depth()], layout.depth());
    mark(dense.data(), mask);
    append_masked(dtype, dense.data(), mask, values[panel]);
  });
  for (const auto& of_panel : values) {
    weight.values.insert(weight.values.end(), of_panel.begin(), of_panel.end());
  }
  weight.values.resize(weight.values.size() + kValuePadding);
  return weight;
}

void save_masked(const MaskedValues& weight, TensorWriter& to) {
  const PanelLayout& layout = weight.layout;
  to.put("mask", {"U64", {layout.panels(), layout.depth()}, std::as_bytes(std::span(weight.mask))});
  const size_t stored = weight.values.size() / dtype_bytes(layout.dtype);
  to.put("values", {layout.dtype == Dtype::bf16 ? "BF16" : "F32", {stored}, weight.values});
}

MaskedValues load_masked(const std::string& what, const PanelLayout& layout,
                         const MemoryTensors& parts) {
  MaskedValues weight{layout, {}, {}};
  const StoredTensor& mask = stored_part(parts, what, "mask");
  check_part_bytes(mask, what, "mask", layout.panels() * layout.depth() * sizeof(uint64_t));
  weight.mask.resize(layout.panels() * layout.depth());
  std::memcpy(weight.mask.data(), mask.bytes.data(), mask.bytes.size());
  const StoredTensor& values = stored_part(parts, what, "values");
  check_part_bytes(values, what, "values",
                   count_bits(weight.mask) * dtype_bytes(layout.dtype) + kValuePadding);
  weight.values.assign(values.bytes.begin(), values.bytes.end());
  return weight;
}

size_t masked_bytes(const MaskedValues& weight) {
  return weight.mask.size() * sizeof(uint64_t) + weight.values.size();
}

void read_masked_row(const MaskedValues& weight, size_t id, size_t first, std::span<float> y) {
  const PanelLayout& layout = weight.layout;
  const size_t width = dtype_bytes(layout.dtype);
  std::fill(y.begin(), y.end(), 0.0f);
  size_t word = id / 64 * layout.depth(), before = first;  // values before `word`
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t place = layout.place(id, i);
    for (; word < place / 64; ++word) before += count_bits({&weight.mask[word], 1});
    const uint64_t bit = uint64_t{1} << place % 64;
    if ((weight.mask[word] & bit) == 0) continue;
    const uint64_t lower = weight.mask[word] & (bit - 1);
    y[i] =
        load_value(layout.dtype, weight.values.data() + (before + count_bits({&lower, 1})) * width);
  }
}

size_t count_nonzeros(const MaskedValues& weight) {
  const size_t width = dtype_bytes(weight.layout.dtype);
  EH_ASSERT(weight.values.size() >= kValuePadding);
  size_t count = 0;
  for (size_t at = 0; at < weight.values.size() - kValuePadding; at += width) {
    count += load_value(weight.layout.dtype, weight.values.data() + at) != 0;
  }
  return count;
}

}  // namespace evalharness
