#include "harness/ops/sparse_bitmask.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/ask_ahead.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

// Bytes between a start and the line of them asked for: a kernel that streams the weight would wait for it.
constexpr size_t kStartsAhead = 128;

LinearPtr load_bitmask(const std::string& format, size_t out, size_t in,
                       const MemoryTensors& parts) {
  check_weight_shape(out, in);
  const std::string what = cat(format, " [", out, ", ", in, "]");
  MaskedValues weight = load_masked(what, {out, in, dtype_of_format(format)}, parts);
  // `starts` follows from the mask: a file that says otherwise is damaged.
  auto op = std::make_unique<SparseBitmaskLinear>(std::move(weight));
  MemoryTensors again;
  op->save(again);
  const StoredTensor& starts = stored_part(parts, what, "starts");
  const StoredTensor& expected = again.parts().at("starts");
  check_part_bytes(starts, what, "starts", expected.bytes.size());
  if (!std::equal(starts.bytes.begin(), starts.bytes.end(), expected.bytes.begin())) {
    fail(cat(what, ": part 'starts': does not count the bits of part 'mask'"));
  }
  return op;
}

LinearPtr nearest_bitmask(const std::string& format, MatrixView w) {
  return make_sparse_bitmask(w, dtype_of_format(format));
}

const RegisterFormat sparse_bitmask_registration({.prefix = "sparse.bitmask.",
                                   .load = load_bitmask,
                                   .examples = {"sparse.bitmask.bf16", "sparse.bitmask.f32"},
                                   .nearest = nearest_bitmask});

}  // namespace

SparseBitmaskLinear::SparseBitmaskLinear(MaskedValues weight) : weight_(std::move(weight)) {
  const PanelLayout& layout = weight_.layout;
  EH_ASSERT(weight_.mask.size() == layout.panels() * layout.depth());
  blocks_ = (layout.depth() + kBlock - 1) / kBlock;
  size_t before = 0;
  for (size_t panel = 0; panel < layout.panels(); ++panel) {
    for (size_t input = 0; input < layout.depth(); input += kBlock) {
      starts_.push_back(before);
      const size_t length = std::min(kBlock, layout.depth() - input);
      before += count_bits({&weight_.mask[panel * layout.depth() + input], length});
    }
  }
  EH_ASSERT(weight_.values.size() == before * dtype_bytes(layout.dtype) + kValuePadding);
  nonzeros_ = count_nonzeros(weight_);
}

std::string SparseBitmaskLinear::format() const {
  return cat("sparse.bitmask.", dtype_name(weight_.layout.dtype));
}

size_t SparseBitmaskLinear::start(size_t panel, size_t input) const {
  const uint64_t* const place = &starts_[panel * blocks_ + input / kBlock];
  ask_ahead<kStartsAhead>(place);
  return *place;
}

void SparseBitmaskLinear::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  parallel_for(ids.size(), [&](size_t row) {
    const size_t id = static_cast<size_t>(ids[row]);
    EH_ASSERT(ids[row] >= 0 && id < out());
    read_masked_row(weight_, id, start(id / 64, 0), y.row(row));
  });
}

size_t SparseBitmaskLinear::bytes() const {
  return masked_bytes(weight_) + starts_.size() * sizeof(uint64_t);
}

void SparseBitmaskLinear::save(TensorWriter& to) const {
  save_masked(weight_, to);
  to.put("starts", {"U64", {weight_.layout.panels(), blocks_}, std::as_bytes(std::span(starts_))});
}

LinearPtr make_sparse_bitmask(MatrixView w, Dtype dtype) {
  const size_t width = dtype_bytes(dtype);
  return std::make_unique<SparseBitmaskLinear>(
      pack_masked(w, dtype, [&](const std::byte* dense, std::span<uint64_t> mask) {
        for (size_t place = 0; place < mask.size() * 64; ++place) {
          const bool kept = load_value(dtype, dense + place * width) != 0;
          mask[place / 64] |= uint64_t{kept} << place % 64;
        }
      }));
}

}  // namespace evalharness
