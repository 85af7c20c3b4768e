// LLM.int8(): 8-bit weights and activations, but for the few inputs with outliers, which keep their precision.
//
// T. Dettmers, M. Lewis, Y. Belkada and L. Zettlemoyer, "LLM.int8(): 8-bit Matrix Multiplication for Transformers at
// Scale", NeurIPS 2022 (arXiv:2208.07339), section 3 and equation 8.
//
// Of a layer's inputs X [tokens, in], O are those that reach the threshold somewhere. With Q rounding the other inputs of
// each token, and the weights of each row, to 8 bits by their largest magnitude,
//
//     O = {j : max |X(:, j)| >= threshold},    y = Q(X(:, not O)) Q(W(:, not O))^T + X(:, O) W(:, O)^T
//
// the first product is one of integers, the second a dense one of the model's type over the columns of O alone. A
// threshold of 0 leaves no outliers: vector-wise rounding. All linear layers of the blocks are treated.
//
// The paper looks for O in each batch, so that a result depends on what else is in the batch; here O comes from the
// calibration set, once, and what is multiplied is packed. Where an input first reaches the threshold after
// calibration it is rounded with the others. Weights of O keep the model's precision, as in the paper; the authors'
// code (bitsandbytes) rounds them too, which is left out here. Scales of rows span the columns that are rounded; in the paper all.
// So do scales of tokens: the authors' code leaves out the values that reach the threshold, not their whole columns.
//
//     compress:
//       - method: llm_int8
//         threshold: 6.0       # 0: none is kept

#include <algorithm>

#include "harness/base/text.h"
#include "harness/ops/gathered_input.h"
#include "harness/ops/quantised_input.h"
#include "harness/ops/sum.h"
#include "methods/method.h"
#include "methods/rounding.h"

namespace evalharness {
namespace {

LinearPtr in_integers(const Matrix& w, Dtype dtype) { return make_quantised_input(round_rows_to_int8(w.view(), dtype)); }

class LlmInt8 final : public Method {
 public:
  explicit LlmInt8(const ConfigNode& options) : threshold_(options.get("threshold", 6.0)) {
    if (!(threshold_ >= 0)) options.fail_at("threshold", cat("expected threshold >= 0, got ", threshold_));
  }

  Effects effects() const override { return {.splits = true, .rounds = true, .rounds_inputs = true, .wraps = true}; }
  void check(const ModelShape&) const override {}
  bool needs_calibration() const override { return true; }

  Report compress(Model& model, const Calibration& calibration) const override {
    std::map<std::string, size_t> counts{{"outlier_columns", 0}};
    auto layers = calibration.sweep(model, {.column_maxima = true, .uncompressed_inputs = true}, [&](const Layer& layer, const Inputs& x) {
      const Matrix w = layer.weight();  // [out, in]
      std::vector<uint32_t> outliers, others;
      for (uint32_t j = 0; j < w.cols(); ++j) (is_outlier(x.column_maxima()[j]) ? outliers : others).push_back(j);
      counts["outlier_columns"] += outliers.size();
      if (outliers.empty()) return in_integers(w, layer.dtype);
      LinearPtr kept = make_dense(gather_columns(w.view(), outliers).view(), layer.dtype);
      if (others.empty()) return kept;
      LinearPtr rounded = in_integers(gather_columns(w.view(), others), layer.dtype);
      return make_sum(make_selected_input(std::move(others), w.cols(), std::move(rounded)),
                      make_selected_input(std::move(outliers), w.cols(), std::move(kept)));
    });
    return {std::move(layers), std::move(counts)};
  }

 private:
  bool is_outlier(float maximum) const { return threshold_ > 0 && static_cast<double>(maximum) >= threshold_; }

  double threshold_;
};

const Register<LlmInt8> registration("llm_int8", "8-bit weights and activations, inputs with outliers kept as they are");

}  // namespace
}  // namespace evalharness
