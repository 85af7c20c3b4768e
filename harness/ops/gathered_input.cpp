#include "harness/ops/gathered_input.h"

#include <algorithm>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

void check_ids(const std::vector<uint32_t>& ids, size_t in, const LinearOp& op) {
  if (ids.size() != op.in())
    fail(cat("gathered input: expected ", op.in(), " ids of inputs, got ", ids.size()));
  std::vector<bool> seen(in);
  for (const uint32_t id : ids) {
    if (id >= in || seen[id])
      fail(cat("gathered input: expected different ids below ", in, ", got ", id,
               id < in ? " twice" : ""));
    seen[id] = true;
  }
}

LinearPtr gather(std::vector<uint32_t> ids, size_t in, LinearPtr op) {
  check_ids(ids, in, *op);
  return std::make_unique<GatheredInput>(std::move(ids), in, std::move(op));
}

LinearPtr load_gathered_input(const std::string& format, size_t out, size_t in,
                              const MemoryTensors& parts) {
  const std::string child = child_formats(format, 1)[0];
  const StoredTensor& part = stored_part(parts, format, "ids");
  const size_t count = format.starts_with("permuted") ? in : part.bytes.size() / sizeof(uint32_t);
  check_part_bytes(part, format, "ids", count * sizeof(uint32_t));
  std::vector<uint32_t> ids(count);
  std::memcpy(ids.data(), part.bytes.data(), part.bytes.size());
  return gather(std::move(ids), in, load_child({child, out, count}, "op.", parts));
}

LinearPtr nearest_gathered_input(const std::string& format, MatrixView w) {
  // In reverse order: all inputs, or the odd ones.
  const size_t step = format.starts_with("permuted") ? 1 : 2;
  std::vector<uint32_t> ids;
  for (size_t i = step - 1; i < w.cols; i += step) ids.push_back(static_cast<uint32_t>(i));
  std::ranges::reverse(ids);
  const Matrix gathered = gather_columns(w, ids);
  return gather(ids, w.cols, nearest_weight(child_formats(format, 1)[0], gathered.view()));
}

const RegisterFormat permuted({.prefix = "permuted_input(",
                               .load = load_gathered_input,
                               .examples = {"permuted_input(dense.bf16)",
                                            "permuted_input(int4.g32.f32)"},
                               .nearest = nearest_gathered_input});
const RegisterFormat selected({.prefix = "selected_input(",
                               .load = load_gathered_input,
                               .examples = {"selected_input(dense.f32)",
                                            "selected_input(sum(int3.g32.bf16, sparse.bitmask.bf16))"},
                               .nearest = nearest_gathered_input});

}  // namespace

Matrix gather_columns(MatrixView x, std::span<const uint32_t> ids) {
  Matrix gathered(x.rows, ids.size());
  for (size_t row = 0; row < x.rows; ++row) {
    for (size_t j = 0; j < ids.size(); ++j) gathered(row, j) = x(row, ids[j]);
  }
  return gathered;
}

LinearPtr make_permuted_input(std::vector<uint32_t> ids, LinearPtr op) {
  const size_t in = ids.size();
  return gather(std::move(ids), in, std::move(op));
}

LinearPtr make_selected_input(std::vector<uint32_t> ids, size_t in, LinearPtr op) {
  EH_ASSERT(ids.size() < in);
  return gather(std::move(ids), in, std::move(op));
}

GatheredInput::GatheredInput(std::vector<uint32_t> ids, size_t in, LinearPtr op)
    : ids_(std::move(ids)), in_(in), op_(std::move(op)) {}

std::string GatheredInput::format() const {
  return combinator_format(ids_.size() == in_ ? "permuted_input" : "selected_input", children());
}

void GatheredInput::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  EH_ASSERT(y.rows == ids.size() && y.cols == in());
  Matrix gathered(ids.size(), ids_.size());
  op_->rows(ids, gathered.view());
  for (size_t row = 0; row < y.rows; ++row) {
    std::ranges::fill(y.row(row), 0.0f);
    for (size_t j = 0; j < ids_.size(); ++j) y(row, ids_[j]) = gathered(row, j);
  }
}

Matrix GatheredInput::child_input(size_t, MatrixView x, const Multiply&) const {
  return gather_columns(x, ids_);
}

LinearPtr GatheredInput::with_children(std::vector<LinearPtr> children) const {
  EH_ASSERT(children.size() == 1);
  return gather(ids_, in_, std::move(children[0]));
}

void GatheredInput::save(TensorWriter& to) const {
  to.put("ids", {"U32", {ids_.size()}, std::as_bytes(std::span(ids_))});
  save_child(*op_, "op.", to);
}

}  // namespace evalharness
