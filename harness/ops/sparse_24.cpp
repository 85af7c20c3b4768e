#include "harness/ops/sparse_24.h"

#include <algorithm>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/bfloat16.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/sparse_nm.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

constexpr size_t kGroup = 4, kKept = 2, kGroupsOfWord = 8, kWordInputs = kGroup * kGroupsOfWord;
constexpr Pattern kPattern{kKept, kGroup};

// Places in the group of the two values that are stored: the non-zeros, then the first zeros.
struct Kept {
  uint32_t first, second;
};

Kept kept_of(const uint16_t (&group)[kGroup]) {
  bool kept[kGroup];
  size_t count = 0;
  for (size_t i = 0; i < kGroup; ++i) {
    kept[i] = from_bfloat16(group[i]) != 0;
    count += kept[i];
  }
  for (size_t i = 0; i < kGroup && count < kKept; ++i) {
    count += !kept[i];
    kept[i] = true;
  }
  EH_ASSERT(count == kKept);
  uint32_t places[kKept] = {};
  size_t found = 0;
  for (uint32_t i = 0; i < kGroup; ++i) {
    if (kept[i]) places[found++] = i;
  }
  return {places[0], places[1]};
}

void pack_row(MatrixView w, size_t o, const PanelLayout& layout, uint16_t* values,
              uint32_t* indices) {
  for (size_t group = 0; group < layout.depth() / kGroup; ++group) {
    uint16_t four[kGroup] = {};
    for (size_t i = 0; i < kGroup; ++i) {
      const size_t input = group * kGroup + i;
      if (o < w.rows && input < w.cols) four[i] = to_bfloat16(w(o, input));
    }
    const Kept kept = kept_of(four);
    uint16_t* const pair = values + (group * 64 + o % 64) * kKept;
    pair[0] = four[kept.first];
    pair[1] = four[kept.second];
    const uint32_t nibble = kept.first | kept.second << 2;
    indices[group / kGroupsOfWord * 64 + o % 64] |= nibble << 4 * (group % kGroupsOfWord);
  }
}

template <class T>
AlignedVector<T> part_values(const MemoryTensors& parts, const std::string& what,
                             const std::string& name, size_t count) {
  const StoredTensor& part = stored_part(parts, what, name);
  check_part_bytes(part, what, name, count * sizeof(T));
  AlignedVector<T> values(count);
  std::memcpy(values.data(), part.bytes.data(), part.bytes.size());
  return values;
}

// A group stores two different places in rising order.
void check_indices(const AlignedVector<uint32_t>& indices, const std::string& what) {
  for (size_t at = 0; at < indices.size(); ++at) {
    for (size_t group = 0; group < kGroupsOfWord; ++group) {
      const uint32_t nibble = indices[at] >> 4 * group;
      if ((nibble & 3) < (nibble >> 2 & 3)) continue;
      fail(cat(what, ": part 'indices': word ", at, ", group ", group,
               ": expected two rising places, got ", nibble & 3, " and ", nibble >> 2 & 3));
    }
  }
}

LinearPtr load_24(const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
  check_weight_shape(out, in);
  check_pattern(kPattern, in);
  const PanelLayout layout{out, in, Dtype::bf16};
  const std::string what = cat(format, " [", out, ", ", in, "]");
  auto values = part_values<uint16_t>(parts, what, "values", layout.values() / 2);
  auto indices = part_values<uint32_t>(parts, what, "indices", layout.values() / kWordInputs);
  check_indices(indices, what);
  return std::make_unique<Sparse24Linear>(layout, std::move(values), std::move(indices));
}

LinearPtr nearest_24(const std::string&, MatrixView w) {
  check_pattern(kPattern, w.cols);
  return make_sparse_24(keep_largest(w, kPattern).view());
}

const RegisterFormat sparse_24_registration({.prefix = "sparse.2:4.bf16",
                                   .load = load_24,
                                   .examples = {"sparse.2:4.bf16"},
                                   .nearest = nearest_24});

}  // namespace

Sparse24Linear::Sparse24Linear(const PanelLayout& layout, AlignedVector<uint16_t> values,
                               AlignedVector<uint32_t> indices)
    : layout_(layout), values_(std::move(values)), indices_(std::move(indices)) {
  EH_ASSERT(values_.size() == layout_.values() / 2);
  EH_ASSERT(indices_.size() == layout_.values() / kWordInputs);
  nonzeros_ = static_cast<size_t>(std::count_if(
      values_.begin(), values_.end(), [](uint16_t value) { return from_bfloat16(value) != 0; }));
}

void Sparse24Linear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  parallel_for(ids.size(), [&](size_t row) {
    const size_t id = static_cast<size_t>(ids[row]);
    EH_ASSERT(ids[row] >= 0 && id < out());
    const std::span<float> to = y.row(row);
    std::fill(to.begin(), to.end(), 0.0f);
    for (size_t group = 0; group < in() / kGroup; ++group) {
      const uint16_t* const pair = values(id / 64, 0) + (group * 64 + id % 64) * kKept;
      const uint32_t word = indices(id / 64, 0)[group / kGroupsOfWord * 64 + id % 64];
      const uint32_t nibble = word >> 4 * (group % kGroupsOfWord);
      to[group * kGroup + (nibble & 3)] = from_bfloat16(pair[0]);
      to[group * kGroup + (nibble >> 2 & 3)] = from_bfloat16(pair[1]);
    }
  });
}

size_t Sparse24Linear::bytes() const {
  return values_.size() * sizeof(uint16_t) + indices_.size() * sizeof(uint32_t);
}

void Sparse24Linear::save(TensorWriter& to) const {
  to.put("values", {"BF16",
                    {layout_.panels(), layout_.depth() / kGroup, 64, kKept},
                    std::as_bytes(std::span(values_))});
  to.put("indices", {"U32",
                     {layout_.panels(), layout_.depth() / kWordInputs, 64},
                     std::as_bytes(std::span(indices_))});
}

LinearPtr make_sparse_24(MatrixView w) {
  const PanelLayout layout{w.rows, w.cols, Dtype::bf16};
  AlignedVector<uint16_t> values(layout.values() / 2);
  AlignedVector<uint32_t> indices(layout.values() / kWordInputs);
  parallel_for(layout.panels(), [&](size_t panel) {
    for (size_t o = panel * 64; o < (panel + 1) * 64; ++o) {
      pack_row(w, o, layout, values.data() + panel * layout.panel_values() / 2,
               indices.data() + panel * layout.panel_values() / kWordInputs);
    }
  });
  return std::make_unique<Sparse24Linear>(layout, std::move(values), std::move(indices));
}

}  // namespace evalharness
