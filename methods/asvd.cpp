// ASVD: singular value decomposition of weights whose columns are scaled by how large their inputs are.
//
// Z. Yuan, Y. Shang, Y. Song, Q. Wu, Y. Yan and G. Sun, "ASVD: Activation-aware Singular Value Decomposition for
// Compressing Large Language Models", 2023 (arXiv:2312.05821), sections 3.2 and 3.3.
//
// With s_j = (mean of |x_j|)^alpha + 1e-6 of a layer's inputs in the dense model, and r of a ratio p of parameters
//
//     W diag(s) = U diag(sigma) V^T,   W_r = (U_r diag(sigma_r)^1/2) (diag(sigma_r)^1/2 V_r^T diag(1/s)),
//     r = floor(p * out * in / (out + in))
//
// so that columns with large inputs are kept nearer; alpha 0 is plain SVD; the authors' abs_max takes the largest |x_j| in
// place of the mean. With `search` each layer gets a ratio of its own: alone in the dense model at 0.4, 0.5 .. 0.9 it costs
// some loss on calibration text; of all (layer, ratio) from the most harmful on, as many are ruled out as the ratio of the
// whole allows, and each layer takes the least ratio that is left to it (or stays whole). The authors' code has a randomised
// SVD, treats the head too and ends its search one entry off what it found; the paper's search treats all layers of a model,
// here those of the blocks, and takes the perplexity of its whole calibration set where this takes the loss of the first
// samples. Left out: scales by Fisher information, and a search that ends at a perplexity.
//
//     compress:
//       - method: asvd
//         ratio: 0.8               # parameters that are left
//         alpha: 0.5
//         scale: abs_mean          # or abs_max
//         search: {samples: 1}     # without it every layer gets the same ratio. 42 losses a block

#include <cmath>

#include "harness/base/interrupt.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "methods/low_rank.h"
#include "methods/method.h"
#include "methods/rank_search.h"
#include "methods/scale_pairs.h"
#include "methods/sensitivity.h"

namespace evalharness {
namespace {

Svd scaled_svd(const LinearOp& op, std::span<const double> scales) {
  DoubleMatrix w(op.to_dense().view());  // [out, in]
  for (size_t i = 0; i < w.rows(); ++i)
    for (size_t j = 0; j < w.cols(); ++j) w(i, j) *= scales[j];
  return svd(std::move(w));
}

class Asvd final : public Method {
 public:
  explicit Asvd(const ConfigNode& options) : rule_(options), alpha_(options.get("alpha", 0.5)) {
    if (!(alpha_ >= 0)) options.fail_at("alpha", cat("expected alpha >= 0, got ", alpha_));
    by_maxima_ = options.get_one_of("scale", {"abs_mean", "abs_max"}, "abs_mean") == "abs_max";
    const auto search = options.find("search");
    if (!search) return;
    if (!rule_.by_ratio()) search->fail("expected none beside a rank, which is the same everywhere");
    if (rule_.ratio() < kSearchedRatios.front())
      options.fail_at("ratio", cat("expected at least ", kSearchedRatios.front(), ", the least that the search tries, got ", rule_.ratio()));
    search_samples_ = search->get("samples", size_t{1});
    if (search_samples_ == 0) search->fail_at("samples", "expected at least 1, got 0");
    search->reject_unread();
  }

  Effects effects() const override { return {.whole = search_samples_ > 0, .splits = true}; }
  void check(const ModelShape& shape) const override {
    rule_.check(shape);
    if (search_samples_ > 0) check_leaves(shape, "asvd with a search");
  }
  ModelShape after(ModelShape shape) const override { return search_samples_ > 0 ? shape : rule_.after(std::move(shape)); }
  size_t needed_samples() const override { return search_samples_; }
  bool needs_calibration() const override { return true; }

  Report compress(Model& model, const Calibration& calibration) const override {
    const std::vector<double> ratios = search_samples_ > 0 ? searched_ratios(model, calibration) : std::vector<double>();
    return calibration.sweep(model, needs(), [&](const Layer& layer, const Inputs& x) {
      size_t rank = rule_.rank(layer.op.out(), layer.op.in());
      if (!ratios.empty()) {
        const double ratio = ratios[layer.block * kLinears.size() + static_cast<size_t>(layer.linear)];
        if (ratio == 1) return LinearPtr();
        rank = rank_of_ratio(ratio, layer.op.out(), layer.op.in());
      }
      const std::vector<double> scales = scales_of(x);
      return pack_low_rank(scaled_svd(layer.op, scales), rank, scales, layer.dtype);
    });
  }

 private:
  Needs needs() const { return {.column_magnitudes = !by_maxima_, .column_maxima = by_maxima_, .uncompressed_inputs = true}; }

  std::vector<double> scales_of(const Inputs& x) const {
    std::vector<double> scales;
    if (by_maxima_)
      scales.assign(x.column_maxima().begin(), x.column_maxima().end());
    else
      scales = x.column_magnitudes();
    for (double& s : scales) s = std::pow(s, alpha_) + 1e-6;
    return scales;
  }

  // Of each layer, 1 where it stays whole.
  std::vector<double> searched_ratios(Model& model, const Calibration& calibration) const {
    std::vector<double> weights;
    for (const Block& block : model.blocks)
      for (const Slot& slot : block.slots) weights.push_back(static_cast<double>(slot.op->out() * slot.op->in()));
    return least_ratios(losses(model, calibration), weights, rule_.ratio());
  }

  std::vector<RankCandidate> losses(Model& model, const Calibration& calibration) const {
    std::vector<std::vector<double>> scales;
    calibration.observe(model, needs(), [&](const Layer&, const Inputs& x) { scales.push_back(scales_of(x)); });
    BlockwiseLoss loss(model, calibration, search_samples_);
    Progress progress("searching ranks", model.blocks.size());
    std::vector<RankCandidate> candidates;
    for (Block& block : model.blocks) {
      for (Slot& slot : block.slots) {
        stop_if_interrupted();
        const size_t layer = candidates.size() / kSearchedRatios.size();
        const Svd whole = scaled_svd(*slot.op, scales[layer]);
        LinearPtr original = std::move(slot.op);
        for (const double ratio : kSearchedRatios) {
          const size_t rank = rank_of_ratio(ratio, original->out(), original->in());
          slot.op = pack_low_rank(whole, rank, scales[layer], model.dtype);
          candidates.push_back({layer, ratio, loss.loss()});
        }
        slot.op = std::move(original);
      }
      loss.advance();
      progress.advance();
    }
    return candidates;
  }

  RankRule rule_;
  double alpha_;
  bool by_maxima_ = false;
  size_t search_samples_ = 0;  // 0: no search
};

const Register<Asvd> asvd_registration("asvd", "two thin factors in place of each weight, nearer where inputs are large");

}  // namespace
}  // namespace evalharness
