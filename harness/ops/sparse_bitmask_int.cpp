#include "harness/ops/sparse_bitmask_int.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/gemm.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/masked_values.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

constexpr size_t kQuad = 4, kWordOutputs = 64 / kQuad;
constexpr size_t kBlock = SparseBitmaskIntLinear::kBlock;

size_t padded_depth(size_t in) { return round_up(in, StoredGrids::kUnit); }

// Appends codes to a string of bits.
class BitString {
 public:
  explicit BitString(AlignedVector<uint8_t>& to) : to_(to) {}
  void put(uint32_t code, size_t bits) {
    for (size_t bit = 0; bit < bits; ++bit, ++used_) {
      if (used_ % 8 == 0) to_.push_back(0);
      to_.back() = static_cast<uint8_t>(to_.back() | (code >> bit & 1u) << used_ % 8);
    }
  }

 private:
  AlignedVector<uint8_t>& to_;
  size_t used_ = 0;  // bits
};

uint32_t code_at(const uint8_t* codes, size_t bits, size_t index) {
  uint32_t code = 0;
  for (size_t bit = 0; bit < bits; ++bit) {
    const size_t at = index * bits + bit;
    code |= static_cast<uint32_t>(codes[at / 8] >> at % 8 & 1) << bit;
  }
  return code;
}

size_t code_bytes(std::span<const uint64_t> mask, size_t bits) {
  size_t bytes = 0;
  for (const uint64_t word : mask) bytes += masked_code_bytes(word, bits);
  return bytes;
}

// Marks and appends the codes of one panel's block.
void pack_block(const QuantisedMatrix& q, size_t panel, size_t block, std::span<uint64_t> mask,
                AlignedVector<uint8_t>& codes) {
  for (size_t word = 0; word < mask.size(); ++word) {
    BitString string(codes);
    for (size_t bit = 0; bit < 64; ++bit) {
      const size_t o = panel * kPanelWidth + word % kQuad * kWordOutputs + bit / kQuad;
      const size_t i = block + word / kQuad * kQuad + bit % kQuad;
      if (o >= q.out || i >= q.in) continue;
      const uint8_t code = q.codes[o * q.in + i];
      if (code == q.zero(o, q.group == 0 ? 0 : i / q.group)) continue;
      mask[word] |= uint64_t{1} << bit;
      string.put(code, q.bits);
    }
  }
}

LinearPtr load_bitmask_int(const std::string& name, size_t out, size_t in, const MemoryTensors& tensors) {
  check_weight_shape(out, in);
  const IntGroupFormat format = int_group_format(name.substr(std::strlen("sparse.bitmask.")));
  const std::string what = cat(name, " [", out, ", ", in, "]");
  SparseBitmaskIntLinear::Parts parts;
  parts.mask.resize(ceil_div(out, kPanelWidth) * padded_depth(in));
  const StoredTensor& mask = stored_part(tensors, what, "mask");
  check_part_bytes(mask, what, "mask", parts.mask.size() * sizeof(uint64_t));
  std::memcpy(parts.mask.data(), mask.bytes.data(), mask.bytes.size());
  const size_t bytes = code_bytes(parts.mask, format.bits) + kValuePadding;
  const StoredTensor& codes = stored_part(tensors, what, "codes");
  check_part_bytes(codes, what, "codes", bytes);
  parts.codes.resize(bytes);
  std::memcpy(parts.codes.data(), codes.bytes.data(), bytes);
  auto op = std::make_unique<SparseBitmaskIntLinear>(StoredGrids::load(what, format, out, in, tensors), out, in, std::move(parts));
  // `starts` follows from the mask: a file that says otherwise is damaged.
  MemoryTensors again;
  op->save(again);
  const StoredTensor& starts = stored_part(tensors, what, "starts");
  const StoredTensor& expected = again.parts().at("starts");
  check_part_bytes(starts, what, "starts", expected.bytes.size());
  if (!std::ranges::equal(starts.bytes, expected.bytes))
    fail(cat(what, ": part 'starts': does not count the bits of part 'mask'"));
  return op;
}

LinearPtr nearest_bitmask_int(const std::string& name, MatrixView w) {
  const IntGroupFormat format = int_group_format(name.substr(std::strlen("sparse.bitmask.")));
  return make_sparse_bitmask_int(nearest_codes(w, format), format.dtype);
}

const RegisterFormat sparse_bitmask_int_registration(
    {.prefix = "sparse.bitmask.int",
     .load = load_bitmask_int,
     .examples = {"sparse.bitmask.int4.g64.bf16", "sparse.bitmask.int4.g128.sym.bf16", "sparse.bitmask.int8.g64.bf16",
                  "sparse.bitmask.int8.row.sym.bf16", "sparse.bitmask.int3.g48.bf16", "sparse.bitmask.int5.g16.bf16",
                  "sparse.bitmask.int4.g64.f32", "sparse.bitmask.int8.row.f32"},
     .nearest = nearest_bitmask_int});

}  // namespace

LinearPtr make_sparse_bitmask_int(const QuantisedMatrix& q, Dtype dtype) {
  check_quantised(q, dtype);
  const size_t panels = ceil_div(q.out, kPanelWidth), depth = padded_depth(q.in);
  SparseBitmaskIntLinear::Parts parts;
  parts.mask.resize(panels * depth);
  std::vector<AlignedVector<uint8_t>> codes(panels);
  parallel_for(panels, [&](size_t panel) {
    for (size_t block = 0; block < depth; block += kBlock) {
      const std::span mask(&parts.mask[panel * depth + block], std::min(kBlock, depth - block));
      pack_block(q, panel, block, mask, codes[panel]);
    }
  });
  for (const auto& of_panel : codes) parts.codes.insert(parts.codes.end(), of_panel.begin(), of_panel.end());
  parts.codes.resize(parts.codes.size() + kValuePadding);
  return std::make_unique<SparseBitmaskIntLinear>(StoredGrids(q, dtype), q.out, q.in, std::move(parts));
}

SparseBitmaskIntLinear::SparseBitmaskIntLinear(StoredGrids grids, size_t out, size_t in, Parts parts)
    : grids_(std::move(grids)), layout_{out, in, grids_.format().dtype}, parts_(std::move(parts)) {
  EH_ASSERT(parts_.mask.size() == layout_.panels() * depth());
  size_t before = 0;
  for (size_t panel = 0; panel < layout_.panels(); ++panel) {
    for (size_t block = 0; block < depth(); block += kBlock) {
      starts_.push_back(before);
      before += code_bytes(mask(panel, block, std::min(kBlock, depth() - block)), grids_.format().bits);
    }
  }
  EH_ASSERT(parts_.codes.size() == before + kValuePadding);
  std::vector<size_t> of_row(out);
  parallel_for(out, [&](size_t o) {
    std::vector<float> row(in);
    read_row(o, row);
    of_row[o] = in - static_cast<size_t>(std::ranges::count(row, 0.0f));
  });
  for (const size_t count : of_row) nonzeros_ += count;
}

void SparseBitmaskIntLinear::read_row(size_t o, std::span<float> y) const {
  const size_t panel = o / kPanelWidth, lane = o % kPanelWidth, bits = grids_.format().bits;
  std::ranges::fill(y, 0.0f);
  for (size_t block = 0; block < depth(); block += kBlock) {
    const std::span<const uint64_t> words = mask(panel, block, std::min(kBlock, depth() - block));
    const uint8_t* of_word = codes(panel, block);
    for (size_t word = 0; word < words.size(); of_word += masked_code_bytes(words[word], bits), ++word) {
      if (word % kQuad != lane / kWordOutputs) continue;
      for (size_t side = 0; side < kQuad; ++side) {
        const size_t i = block + word / kQuad * kQuad + side, bit = lane % kWordOutputs * kQuad + side;
        if (i >= y.size() || (words[word] >> bit & 1) == 0) continue;
        const uint64_t lower = words[word] & ((uint64_t{1} << bit) - 1);
        const size_t group = grids_.group_at(i), index = static_cast<size_t>(std::popcount(lower));
        y[i] = (static_cast<float>(code_at(of_word, bits, index)) - grids_.zero(o, group)) * grids_.scale(o, group);
      }
    }
  }
}

void SparseBitmaskIntLinear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  parallel_for(ids.size(), [&](size_t row) {
    EH_ASSERT(ids[row] >= 0 && static_cast<size_t>(ids[row]) < out());
    read_row(static_cast<size_t>(ids[row]), y.row(row));
  });
}

size_t SparseBitmaskIntLinear::bytes() const {
  return (parts_.mask.size() + starts_.size()) * sizeof(uint64_t) + parts_.codes.size() + grids_.bytes();
}

void SparseBitmaskIntLinear::save(TensorWriter& to) const {
  to.put("mask", {"U64", {layout_.panels(), depth()}, std::as_bytes(std::span(parts_.mask))});
  to.put("codes", {"U8", {parts_.codes.size()}, std::as_bytes(std::span(parts_.codes))});
  to.put("starts", {"U64", {layout_.panels(), blocks()}, std::as_bytes(std::span(starts_))});
  grids_.save(to);
}

}  // namespace evalharness
