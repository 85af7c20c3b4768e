#include "harness/ops/int_group.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/gemm.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

constexpr size_t kUnit = IntGroupLinear::kUnit;

// Calls visit(word, bit, width, shift) for each plane of an input of a unit: bits [shift, shift +
// width) of its code are bits [bit, bit + width) of that word.
template <class Visit>
void each_plane(size_t bits, size_t input, const Visit& visit) {
  const size_t pair = input / 2, side = input % 2;
  size_t first_word = 0, shift = 0;
  for (const size_t width : {4, 4, 2, 1}) {
    if (bits - shift < width) continue;
    const size_t pairs = 16 / width;  // of a word
    visit(first_word + pair / pairs, pair % pairs * width + 16 * side, width, shift);
    first_word += width;
    shift += width;
  }
}

void put_code(uint32_t code, size_t bits, size_t input, uint32_t* words) {
  each_plane(bits, input, [&](size_t word, size_t bit, size_t width, size_t shift) {
    words[word * kPanelWidth] |= (code >> shift & ((1u << width) - 1)) << bit;
  });
}

// The codes of padding stand for zero: inputs get their row's zero, outputs the scale 0.
void pack_row(const QuantisedMatrix& q, size_t o, AlignedVector<uint32_t>& codes) {
  const size_t panel = o / kPanelWidth, lane = o % kPanelWidth;
  const size_t units = ceil_div(q.in, kUnit);
  for (size_t i = 0; i < units * kUnit; ++i) {
    uint32_t* const words = codes.data() + (panel * units + i / kUnit) * q.bits * kPanelWidth;
    put_code(i < q.in ? q.codes[o * q.in + i] : q.zero(o, q.groups() - 1), q.bits, i % kUnit, words + lane);
  }
}

size_t code_words(size_t bits, size_t out, size_t in) { return ceil_div(out, kPanelWidth) * ceil_div(in, kUnit) * bits * kPanelWidth; }

LinearPtr load_int_group(const std::string& name, size_t out, size_t in,
                         const MemoryTensors& tensors) {
  check_weight_shape(out, in);
  const IntGroupFormat format = int_group_format(name);
  const std::string what = cat(name, " [", out, ", ", in, "]");
  AlignedVector<uint32_t> codes(code_words(format.bits, out, in));
  const StoredTensor& part = stored_part(tensors, what, "codes");
  check_part_bytes(part, what, "codes", codes.size() * sizeof(uint32_t));
  std::memcpy(codes.data(), part.bytes.data(), part.bytes.size());
  return std::make_unique<IntGroupLinear>(StoredGrids::load(what, format, out, in, tensors), out, in, std::move(codes));
}

LinearPtr nearest_int_group(const std::string& name, MatrixView w) {
  const IntGroupFormat format = int_group_format(name);
  return make_int_group(nearest_codes(w, format), format.dtype);
}

const RegisterFormat int_group_registration(
    {.prefix = "int",
     .load = load_int_group,
     .examples = {"int4.g128.bf16", "int4.g64.f32", "int8.row.sym.bf16", "int8.row.sym.f32",
                  "int2.g32.bf16", "int3.g64.bf16", "int5.g16.bf16", "int6.g48.sym.bf16",
                  "int7.g32.f32", "int8.g128.bf16"},
     .nearest = nearest_int_group});

}  // namespace

LinearPtr make_int_group(const QuantisedMatrix& q, Dtype dtype) {
  check_quantised(q, dtype);
  AlignedVector<uint32_t> codes(code_words(q.bits, q.out, q.in));
  parallel_for(ceil_div(q.out, kPanelWidth), [&](size_t panel) {
    const size_t end = std::min(q.out, (panel + 1) * kPanelWidth);
    for (size_t o = panel * kPanelWidth; o < end; ++o) pack_row(q, o, codes);
  });
  return std::make_unique<IntGroupLinear>(StoredGrids(q, dtype), q.out, q.in, std::move(codes));
}

IntGroupLinear::IntGroupLinear(StoredGrids grids, size_t out, size_t in, AlignedVector<uint32_t> codes)
    : grids_(std::move(grids)), layout_{out, in, grids_.format().dtype}, codes_(std::move(codes)) {
  EH_ASSERT(codes_.size() == code_words(parameters().bits, out, in));
  std::vector<size_t> of_row(out);
  parallel_for(out, [&](size_t o) {
    std::vector<float> row(in);
    const int32_t id = static_cast<int32_t>(o);
    rows({&id, 1}, {row.data(), 1, in, in});
    of_row[o] = in - static_cast<size_t>(std::ranges::count(row, 0.0f));
  });
  nonzeros_ = std::accumulate(of_row.begin(), of_row.end(), size_t{0});
}

uint32_t IntGroupLinear::code(size_t o, size_t i) const {
  const uint32_t* const words = codes(o / kPanelWidth, i) + o % kPanelWidth;
  uint32_t code = 0;
  each_plane(parameters().bits, i % kUnit, [&](size_t word, size_t bit, size_t width, size_t shift) {
    code |= (words[word * kPanelWidth] >> bit & ((1u << width) - 1)) << shift;
  });
  return code;
}

void IntGroupLinear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  parallel_for(ids.size(), [&](size_t row) {
    const size_t id = static_cast<size_t>(ids[row]);
    EH_ASSERT(ids[row] >= 0 && id < out());
    for (size_t group = 0; group < grids_.groups(); ++group) {
      const float step = grids_.scale(id, group), offset = grids_.zero(id, group);
      const size_t first = group * grids_.group_inputs(), end = std::min(in(), first + grids_.group_inputs());
      for (size_t i = first; i < end; ++i)
        y(row, i) = (static_cast<float>(code(id, i)) - offset) * step;
    }
  });
}

void IntGroupLinear::save(TensorWriter& to) const {
  const std::vector<size_t> shape = {layout_.panels(), units(), parameters().bits, kPanelWidth};
  to.put("codes", {"U32", shape, std::as_bytes(std::span(codes_))});
  grids_.save(to);
}

}  // namespace evalharness
