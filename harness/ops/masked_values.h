// Values under a bit string in panel order: bit PanelLayout::place(o, i) says that W[o, i] is
// stored, and the stored values follow each other in the order of their bits. Sixty-four places
// share a word, so inputs [a, b) of a panel are the words [panel * depth + a, panel * depth + b).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "harness/math/aligned.h"
#include "harness/ops/panel_layout.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {

// Zero bytes after the last value, so that a kernel's 64-byte load never leaves the memory.
inline constexpr size_t kValuePadding = 64;

struct MaskedValues {
  PanelLayout layout;
  AlignedVector<uint64_t> mask;     // [panels * depth]
  AlignedVector<std::byte> values;  // of layout.dtype, then kValuePadding
};

// Marks the places to store of one panel: `dense` holds its values in panel order, `mask` is zero.
using MarkPanel = std::function<void(const std::byte* dense, std::span<uint64_t> mask)>;
MaskedValues pack_masked(MatrixView w, Dtype dtype, const MarkPanel& mark);

// As the parts "mask" and "values".
void save_masked(const MaskedValues& weight, TensorWriter& to);
// Fails with a line that starts with `what` where the parts do not fit the layout or each other.
MaskedValues load_masked(const std::string& what, const PanelLayout& layout,
                         const MemoryTensors& parts);
size_t masked_bytes(const MaskedValues& weight);

size_t count_bits(std::span<const uint64_t> mask);

// y[in] = W[id, in], where `first` is the number of values before the panel of `id`.
void read_masked_row(const MaskedValues& weight, size_t id, size_t first, std::span<float> y);

// Stored values that are not zero.
size_t count_nonzeros(const MaskedValues& weight);

}  // namespace evalharness
