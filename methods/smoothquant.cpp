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
// does without. Statistics are the unsmoothed model's. Then every linear layer of the blocks is rounded, both sides by
// absmax, and multiplied as integers. The paper's table 2 and what the authors' accuracy tables use:
//
//          weights                             activations
//     O1   int8_tensor: a scale a matrix       int8: a scale a token, found in the forward pass
//     O2   int8_tensor                         int8_tensor: of all tokens that are computed together
//     O3   int8_tensor                         int8_static: of the layer, the largest smoothed input of the calibration set
//     code int8: a scale a row                 int8
//
// Left out: 8-bit products inside attention (the authors' kernels have them, their accuracy tables do not need them).
//
// In a pipeline the rounding may be left to the next step: [{method: smoothquant, weights: keep}, {method: gptq,
// bits: 8, group: row, sym: true}].
//
//     compress:
//       - method: smoothquant
//         alpha: 0.5           # 0 .. 1, how much of the range moves; 0.8 to 0.9 for Llama 2, Llama 3 and Mistral
//         layers: norms        # what is smoothed: layers behind norms, or all
//         weights: int8        # or int8_tensor, or keep
//         activations: int8    # or int8_tensor, int8_static, or keep

#include <algorithm>
#include <cmath>

#include "harness/base/text.h"
#include "harness/ops/quantised_input.h"
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

// Of every layer: [blocks][layers].
template <class T>
using OfLayers = std::vector<std::array<T, kLinears.size()>>;

// max |X(:, j)| of the model as it is.
OfLayers<Maxima> input_maxima(Model& model, const Calibration& calibration) {
  OfLayers<Maxima> maxima(model.blocks.size());
  calibration.observe(model, {.column_maxima = true, .uncompressed_inputs = true}, [&](const Layer& layer, const Inputs& x) {
    maxima[layer.block][static_cast<size_t>(layer.linear)] = x.column_maxima();
  });
  return maxima;
}

class SmoothQuant final : public Method {
 public:
  explicit SmoothQuant(const ConfigNode& options)
      : alpha_(static_cast<float>(options.get("alpha", 0.5))),
        all_layers_(options.get_one_of("layers", {"norms", "all"}, "norms") == "all"),
        weights_(options.get_one_of("weights", {"int8", "int8_tensor", "keep"}, "int8")),
        activations_(options, "int8") {
    if (!(alpha_ >= 0 && alpha_ <= 1)) options.fail_at("alpha", cat("expected 0 <= alpha <= 1, got ", alpha_));
  }

  Effects effects() const override {
    return {.whole = true,
            .rounds = weights_ != "keep",
            .rounds_inputs = activations_.rounds(),
            .wraps = activations_.rounds() || all_layers_};
  }
  void check(const ModelShape& shape) const override { check_leaves(shape, "smoothquant"); }
  bool needs_calibration() const override { return true; }

  Report compress(Model& model, const Calibration& calibration) const override {
    OfLayers<Maxima> maxima = input_maxima(model, calibration);
    smooth(model, maxima);
    // The smoothed inputs are looked at for the layers' errors only.
    return calibration.sweep(model, {.only_some = true, .uncompressed_inputs = true}, [&](const Layer& layer, const Inputs&) {
      return activations_.before(rounded_weight(layer), maxima[layer.block][static_cast<size_t>(layer.linear)]);
    });
  }

 private:
  // The maxima become those of the smoothed inputs.
  void smooth(Model& model, OfLayers<Maxima>& maxima) const {
    std::vector<ScalePair> pairs = norm_pairs();
    if (all_layers_) pairs.insert(pairs.end(), {run_time_pair(Linear::o), run_time_pair(Linear::down)});
    for (size_t b = 0; b < model.blocks.size(); ++b)
      for (const ScalePair& pair : pairs) {
        const Maxima& x = maxima[b][static_cast<size_t>(pair.readers.front())];
        const std::vector<float> s = smoothing_scales(x, column_maxima(model.blocks[b], pair), alpha_);
        apply_scales(model.blocks[b], pair, s, model.dtype);
        for (const Linear reader : pair.readers)
          for (size_t j = 0; j < s.size(); ++j) maxima[b][static_cast<size_t>(reader)][j] /= s[j];
      }
  }

  LinearPtr rounded_weight(const Layer& layer) const {
    if (weights_ == "keep") return copy_of(layer.op);
    const Matrix w = layer.weight();  // [out, in]
    return weights_ == "int8" ? round_rows_to_int8(w.view(), layer.dtype) : round_matrix_to_int8(w.view(), layer.dtype);
  }

  float alpha_;
  bool all_layers_;
  std::string weights_;
  ActivationRounding activations_;
};

const Register<SmoothQuant> smoothquant_registration("smoothquant", "8-bit weights and activations, outliers moved into the weights");

}  // namespace
}  // namespace evalharness
