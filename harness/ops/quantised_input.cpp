#include "harness/ops/quantised_input.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/ops/int_group.h"

namespace evalharness {
namespace {

LinearPtr load_quantised_input(const std::string& format, size_t out, size_t in,
                               const MemoryTensors& parts) {
  return make_quantised_input(load_child({child_formats(format, 1)[0], out, in}, "op.", parts));
}

LinearPtr nearest_quantised_input(const std::string& format, MatrixView w) {
  return make_quantised_input(nearest_weight(child_formats(format, 1)[0], w));
}

const RegisterFormat registration(
    {.prefix = "quantised_input(",
     .load = load_quantised_input,
     .examples = {"quantised_input(int8.row.sym.bf16)", "quantised_input(int8.row.sym.f32)",
                  "quantised_input(int4.g64.bf16)", "quantised_input(dense.bf16)"},
     .nearest = nearest_quantised_input});

}  // namespace

LinearPtr make_quantised_input(LinearPtr op) {
  return std::make_unique<QuantisedInput>(std::move(op));
}

bool multiplies_integers(const LinearOp& weight) {
  const auto* const codes = dynamic_cast<const IntGroupLinear*>(&weight);
  if (codes == nullptr) return false;
  const IntGroupFormat& format = codes->parameters();
  return format.bits == 8 && format.group == 0 && format.symmetric && codes->in() <= kMostInt8Depth;
}

float quantise_token(std::span<const float> x, std::span<int8_t> codes) {
  float largest = 0;
  for (const float value : x) largest = std::max(largest, std::abs(value));
  const float per_scale = largest > 0 ? 127 / largest : 0;
  for (size_t j = 0; j < x.size(); ++j)
    codes[j] = static_cast<int8_t>(std::nearbyint(x[j] * per_scale));
  return largest / 127;
}

Matrix QuantisedInput::child_input(size_t, MatrixView x, const Multiply&) const {
  Matrix rounded(x.rows, x.cols);
  std::vector<int8_t> codes(x.cols);
  for (size_t t = 0; t < x.rows; ++t) {
    const float scale = quantise_token(x.row(t), codes);
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
  return make_quantised_input(std::move(children[0]));
}

void QuantisedInput::save(TensorWriter& to) const { save_child(*op_, "op.", to); }

}  // namespace evalharness
