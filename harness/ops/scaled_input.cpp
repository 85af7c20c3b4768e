#include "harness/ops/scaled_input.h"

#include <cmath>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

LinearPtr load_scaled_input(const std::string& format, size_t out, size_t in,
                            const MemoryTensors& parts) {
  const std::string child = child_formats(format, 1)[0];
  const StoredTensor& part = stored_part(parts, format, "scales");
  check_part_bytes(part, format, "scales", in * sizeof(float));
  std::vector<float> scales(in);
  std::memcpy(scales.data(), part.bytes.data(), part.bytes.size());
  return make_scaled_input(std::move(scales), load_child({child, out, in}, "op.", parts));
}

LinearPtr nearest_scaled_input(const std::string& format, MatrixView w) {
  std::vector<float> scales(w.cols);
  Matrix divided(w);
  for (size_t i = 0; i < w.cols; ++i) {
    scales[i] = 0.5f + static_cast<float>(i % 5) / 4;
    for (size_t o = 0; o < w.rows; ++o) divided(o, i) /= scales[i];
  }
  return make_scaled_input(std::move(scales),
                           nearest_weight(child_formats(format, 1)[0], divided.view()));
}

const RegisterFormat scaled_input_registration(
    {.prefix = "scaled_input(",
     .load = load_scaled_input,
     .examples = {"scaled_input(dense.f32)", "scaled_input(int4.g32.bf16)"},
     .nearest = nearest_scaled_input});

}  // namespace

void scale_columns(MutableMatrixView x, std::span<const float> scales) {
  for (size_t row = 0; row < x.rows; ++row) {
    for (size_t i = 0; i < x.cols; ++i) x(row, i) *= scales[i];
  }
}

LinearPtr make_scaled_input(std::vector<float> scales, LinearPtr op) {
  if (scales.size() != op->in())
    fail(cat("scaled_input: expected ", op->in(), " scales, got ", scales.size()));
  for (size_t i = 0; i < scales.size(); ++i) {
    if (!std::isfinite(scales[i]) || scales[i] == 0)
      fail(cat("scaled_input: expected finite scales other than 0, got ", scales[i], " for input ", i));
  }
  return std::make_unique<ScaledInput>(std::move(scales), std::move(op));
}

ScaledInput::ScaledInput(std::vector<float> scales, LinearPtr op)
    : scales_(std::move(scales)), op_(std::move(op)) {}

void ScaledInput::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  op_->rows(ids, y);
  scale_columns(y, scales_);
}

Matrix ScaledInput::child_input(size_t, MatrixView x, const Multiply&) const {
  Matrix scaled(x);
  scale_columns(scaled.view(), scales_);
  return scaled;
}

LinearPtr ScaledInput::with_children(std::vector<LinearPtr> children) const {
  EH_ASSERT(children.size() == 1);
  return make_scaled_input(scales_, std::move(children[0]));
}

void ScaledInput::save(TensorWriter& to) const {
  to.put("scales", {"F32", {scales_.size()}, std::as_bytes(std::span(scales_))});
  save_child(*op_, "op.", to);
}

}  // namespace evalharness
