// SmoothQuant: 8-bit weights and activations, after the activations' outliers have moved into the weights.
//
// G. Xiao, J. Lin, M. Seznec, H. Wu, J. Demouth and S. Han, "SmoothQuant: Accurate and Efficient Post-Training
// Quantization for Large Language Models", ICML 2023 (arXiv:2211.10438), equation 4.
//
// Some inputs of a layer are a hundred times larger than the rest, and a token's 8 bits have to span them. Of the
// readers W of one input X, with maxima over the calibration tokens and over all readers' rows,
//
//     s_j = max |X(:, j)|^alpha / max |W(:, j)|^(1 - alpha),    X diag(1/s) * diag(s) W^T = X W^T
//
// The norm before the readers takes the 1/s (q, k, v; gate, up): the smoothed model computes the same and costs
// nothing more. With layers: all, o and down are smoothed too, by a scale of their input at run time, which the paper
// does without. Statistics are the unsmoothed model's. Then every linear layer of the blocks is rounded: weights by
// absmax, a scale a row; activations token by token in the forward pass (the paper's O1), multiplied as integers.
// Left out: 8-bit products inside attention (the authors' kernels have them, their accuracy tables do not need them).
//
// In a pipeline the rounding may be left to the next step: [{method: smoothquant, weights: keep}, {method: gptq,
// bits: 8, group: row, sym: true}].
//
//     compress:
//       - method: smoothquant
//         alpha: 0.5           # 0 .. 1, how much of the range moves; 0.8 to 0.9 for Llama 2, Llama 3 and Mistral
//         layers: norms        # what is smoothed: layers behind norms, or all
//         weights: int8        # or keep
//         activations: int8    # or keep

#include <algorithm>
#include <cmath>

#include "harness/base/text.h"
#include "harness/ops/quantised_input.h"
#include "harness/ops/scaled_input.h"
#include "harness/ops/tree.h"
#include "methods/method.h"
#include "methods/rounding.h"
#include "methods/scale_pairs.h"

namespace evalharness {
namespace {

using Maxima = std::vector<float>;  // of each input of a layer: [in]

float smoothing(float of_input, float of_weights, float alpha) {
  constexpr float kLeast = 1e-5f;  // of a weight's maximum and of a scale, as in the authors' code
  return std::max(std::pow(of_input, alpha) / std::pow(std::max(of_weights, kLeast), 1 - alpha), kLeast);
}

std::vector<float> smoothing_scales(const Maxima& inputs, const Maxima& weights, float alpha) {
  std::vector<float> s(inputs.size());
  for (size_t j = 0; j < s.size(); ++j) s[j] = smoothing(inputs[j], weights[j], alpha);
  return s;
}

// max |X(:, j)| of every layer, [blocks][layers], of the model as it is.
std::vector<std::array<Maxima, kLinears.size()>> input_maxima(Model& model, const Calibration& calibration) {
  std::vector<std::array<Maxima, kLinears.size()>> maxima(model.blocks.size());
  calibration.observe(model, {.column_maxima = true, .uncompressed_inputs = true}, [&](const Layer& layer, const Inputs& x) {
    maxima[layer.block][static_cast<size_t>(layer.linear)] = x.column_maxima();
  });
  return maxima;
}

// W becomes W diag(s), behind inputs that are divided by s in the forward pass.
void scale_at_run_time(Block& block, Linear linear, std::span<const float> s, Dtype dtype) {
  apply_scales(block, {.norm = nullptr, .layer = {}, .readers = {linear}}, s, dtype);
  std::vector<float> inverse(s.size());
  std::ranges::transform(s, inverse.begin(), [](float scale) { return 1 / scale; });
  LinearPtr& op = block.slot(linear).op;
  op = make_scaled_input(std::move(inverse), std::move(op));
}

class SmoothQuant final : public Method {
 public:
  explicit SmoothQuant(const ConfigNode& options)
      : alpha_(static_cast<float>(options.get("alpha", 0.5))),
        all_layers_(options.get_one_of("layers", {"norms", "all"}, "norms") == "all"),
        rounds_weights_(options.get_one_of("weights", {"int8", "keep"}, "int8") == "int8"),
        rounds_activations_(read_rounds_activations(options, "int8")) {
    if (!(alpha_ >= 0 && alpha_ <= 1)) options.fail_at("alpha", cat("expected 0 <= alpha <= 1, got ", alpha_));
  }

  void check(const Model& model) const override { check_leaves(model, "smoothquant"); }
  bool needs_calibration() const override { return true; }

  Report compress(Model& model, const Calibration& calibration) const override {
    smooth(model, input_maxima(model, calibration));
    return calibration.sweep(model, {.column_maxima = true, .uncompressed_inputs = true}, [&](const Layer& layer, const Inputs&) {
      LinearPtr op = rounds_weights_ ? round_rows_to_int8(layer.weight().view(), layer.dtype) : copy_of(layer.op);
      return rounds_activations_ ? make_quantised_input(std::move(op)) : std::move(op);
    });
  }

 private:
  void smooth(Model& model, const std::vector<std::array<Maxima, kLinears.size()>>& inputs) const {
    for (size_t b = 0; b < model.blocks.size(); ++b) {
      Block& block = model.blocks[b];
      for (const ScalePair& pair : norm_pairs()) {
        const Maxima& x = inputs[b][static_cast<size_t>(pair.readers.front())];
        apply_scales(block, pair, smoothing_scales(x, column_maxima(block, pair), alpha_), model.dtype);
      }
      if (!all_layers_) continue;
      for (const Linear linear : {Linear::o, Linear::down}) {
        const Maxima w = column_maxima(block, {.norm = nullptr, .layer = {}, .readers = {linear}});
        scale_at_run_time(block, linear, smoothing_scales(inputs[b][static_cast<size_t>(linear)], w, alpha_), model.dtype);
      }
    }
  }

  float alpha_;
  bool all_layers_, rounds_weights_, rounds_activations_;
};

const Register<SmoothQuant> registration("smoothquant", "8-bit weights and activations, outliers moved into the weights");

}  // namespace
}  // namespace evalharness
