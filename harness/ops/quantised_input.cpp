#include "harness/ops/quantised_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/ops/int_group.h"

namespace evalharness {
namespace {

using Scale = QuantisedInput::Scale;

LinearPtr load_inner(const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
  return load_child({child_formats(format, 1)[0], out, in}, "op.", parts);
}

LinearPtr nearest_inner(const std::string& format, MatrixView w) { return nearest_weight(child_formats(format, 1)[0], w); }

LinearPtr load_static(const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
  const StoredTensor& part = stored_part(parts, format, "scale");
  float scale = 0;
  check_part_bytes(part, format, "scale", sizeof scale);
  std::memcpy(&scale, part.bytes.data(), sizeof scale);
  return make_static_quantised_input(scale, load_inner(format, out, in, parts));
}

// Of inputs up to 4: what a test multiplies is mostly smaller.
LinearPtr nearest_static(const std::string& format, MatrixView w) {
  return make_static_quantised_input(4.0f / 127, nearest_inner(format, w));
}

const RegisterFormat by_token(
    {.prefix = "quantised_input(",
     .load = [](const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
       return make_quantised_input(load_inner(format, out, in, parts));
     },
     .examples = {"quantised_input(int8.row.sym.bf16)", "quantised_input(int8.row.sym.f32)",
                  "quantised_input(int4.g64.bf16)", "quantised_input(dense.bf16)"},
     .nearest = [](const std::string& format, MatrixView w) { return make_quantised_input(nearest_inner(format, w)); }});
const RegisterFormat by_tensor(
    {.prefix = "quantised_input.tensor(",
     .load = [](const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
       return make_tensor_quantised_input(load_inner(format, out, in, parts));
     },
     .examples = {"quantised_input.tensor(int8.row.sym.bf16)", "quantised_input.tensor(dense.bf16)"},
     .nearest = [](const std::string& format, MatrixView w) { return make_tensor_quantised_input(nearest_inner(format, w)); }});
const RegisterFormat by_calibration(
    {.prefix = "quantised_input.static(",
     .load = load_static,
     .examples = {"quantised_input.static(int8.row.sym.bf16)", "quantised_input.static(int8.row.sym.f32)",
                  "quantised_input.static(dense.bf16)"},
     .nearest = nearest_static});

float largest_magnitude(std::span<const float> x) {
  float largest = 0;
  for (const float value : x) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace

LinearPtr make_quantised_input(LinearPtr op) {
  return std::make_unique<QuantisedInput>(Scale::token, 0.0f, std::move(op));
}

LinearPtr make_tensor_quantised_input(LinearPtr op) {
  return std::make_unique<QuantisedInput>(Scale::tensor, 0.0f, std::move(op));
}

LinearPtr make_static_quantised_input(float scale, LinearPtr op) {
  if (!std::isfinite(scale) || scale <= 0) fail(cat("quantised_input.static: expected a scale > 0, got ", scale));
  return std::make_unique<QuantisedInput>(Scale::fixed, scale, std::move(op));
}

bool multiplies_integers(const LinearOp& weight) {
  const auto* const codes = dynamic_cast<const IntGroupLinear*>(&weight);
  if (codes == nullptr) return false;
  const IntGroupFormat& format = codes->parameters();
  return format.bits == 8 && format.group == 0 && format.symmetric && codes->in() <= kMostInt8Depth;
}

float quantise_token(std::span<const float> x, std::span<int8_t> codes) {
  const float largest = largest_magnitude(x);
  const float per_scale = largest > 0 ? 127 / largest : 0;
  for (size_t j = 0; j < x.size(); ++j)
    codes[j] = static_cast<int8_t>(std::nearbyint(x[j] * per_scale));
  return largest / 127;
}

void quantise_token(std::span<const float> x, float scale, std::span<int8_t> codes) {
  const float per_scale = 1 / scale;
  for (size_t j = 0; j < x.size(); ++j)
    codes[j] = static_cast<int8_t>(std::nearbyint(std::clamp(x[j] * per_scale, -127.0f, 127.0f)));
}

std::string QuantisedInput::name() const {
  switch (kind_) {
    case Scale::token:
      return "quantised_input";
    case Scale::tensor:
      return "quantised_input.tensor";
    case Scale::fixed:
      return "quantised_input.static";
  }
  return {};
}

std::optional<float> QuantisedInput::shared_scale(MatrixView x) const {
  if (kind_ == Scale::fixed) return fixed_;
  if (kind_ == Scale::token) return std::nullopt;
  float largest = 0;
  for (size_t t = 0; t < x.rows; ++t) largest = std::max(largest, largest_magnitude(x.row(t)));
  return largest > 0 ? std::optional(largest / 127) : std::nullopt;
}

Matrix QuantisedInput::child_input(size_t, MatrixView x, const Multiply&) const {
  const std::optional<float> shared = shared_scale(x);
  Matrix rounded(x.rows, x.cols);
  std::vector<int8_t> codes(x.cols);
  for (size_t t = 0; t < x.rows; ++t) {
    const float scale = shared ? *shared : quantise_token(x.row(t), codes);
    if (shared) quantise_token(x.row(t), scale, codes);
    for (size_t j = 0; j < x.cols; ++j) rounded(t, j) = static_cast<float>(codes[j]) * scale;
  }
  return rounded;
}

Cost QuantisedInput::cost(size_t tokens) const {
  Cost cost = combined_cost(*this, tokens);
  if (multiplies_integers(*op_)) cost.integer_flops = cost.executed_flops;
  return cost;
}

LinearPtr QuantisedInput::with_children(std::vector<LinearPtr> children) const {
  EH_ASSERT(children.size() == 1);
  return std::make_unique<QuantisedInput>(kind_, fixed_, std::move(children[0]));
}

void QuantisedInput::save(TensorWriter& to) const {
  if (kind_ == Scale::fixed) to.put("scale", {"F32", {1}, std::as_bytes(std::span(&fixed_, 1))});
  save_child(*op_, "op.", to);
}

}  // namespace evalharness
