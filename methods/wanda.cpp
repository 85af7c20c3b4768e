// Wanda: pruning by weights and activations.
//
// M. Sun, Z. Liu, A. Bair and J. Z. Kolter, "A Simple and Effective Pruning Approach for Large
// Language Models", ICLR 2024 (arXiv:2306.11695), section 3 and algorithm 1.
//
// For a layer y = W x with W [out, in] and calibration inputs X [tokens, in], the score of a weight is
//
//     S(i, j) = |W(i, j)| * ||X(:, j)||
//
// so a small weight stays when its input is large. Scores are compared within one output row; the
// lowest of each row become zero. No weight is updated and no gradient is taken: one pass over the
// calibration set, then one selection per row. All linear layers of the blocks are pruned; embedding, head and norms stay.
//
// The authors' `use_variant` gives each row a sparsity of its own: of a row as many of the lowest go as together have at
// most alpha of the sum of its scores (and what ties with the last of them); alpha is found by bisection of [0, 0.8], from 0.4 on, until
// the whole layer's sparsity is within 0.001 of the one asked for, or alpha within 0.001: layers that end further off are counted.
//
//     compress:
//       - method: wanda
//         sparsity: 0.5        # fraction of each row, or instead:
//         pattern: 2:4         # keep 2 of every 4 neighbours
//         allocation: {layers: {down_proj: 0.4}}   # or blocks, or sensitivity: methods/allocation.h
//         variant: false       # true: rows of their own sparsity

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/base/parallel.h"
#include "methods/allocation.h"
#include "methods/method.h"

namespace evalharness {
namespace {

// Scores of all weights of a layer [out, in], and what the variant needs of each row.
class RowShares {
 public:
  explicit RowShares(const Matrix& scores) : scores_(scores), sorted_(scores), sums_(scores.rows()) {
    parallel_for(scores.rows(), [&](size_t i) {
      std::ranges::sort(sorted_.row(i));
      for (const float score : scores_.row(i)) sums_[i] += static_cast<double>(score);
    });
  }

  // The score of the last weight of row i to go, -1 where none does.
  float threshold(size_t i, double alpha) const {
    double sum = 0;
    float last = -1;
    for (const float score : sorted_.row(i)) {
      sum += static_cast<double>(score);
      if (sum > alpha * sums_[i]) break;
      last = score;
    }
    return last;
  }

  double sparsity(double alpha) const {
    std::vector<size_t> gone(scores_.rows());
    parallel_for(gone.size(), [&](size_t i) {
      const auto row = sorted_.row(i);
      gone[i] = static_cast<size_t>(std::ranges::upper_bound(row, threshold(i, alpha)) - row.begin());
    });
    return static_cast<double>(std::accumulate(gone.begin(), gone.end(), size_t{0})) / static_cast<double>(scores_.size());
  }

  struct Share {
    double alpha;
    bool met;  // the sparsity that it was searched for
  };
  Share share_for(double sparsity_wanted) const {
    constexpr double kClose = 0.001;
    double low = 0, high = 0.8;
    for (double alpha = 0.4;; alpha = (low + high) / 2) {
      const double found = sparsity(alpha);
      const bool met = std::abs(found - sparsity_wanted) <= kClose;
      if (met || high - low < kClose) return {alpha, met};
      (found > sparsity_wanted ? high : low) = alpha;
    }
  }

 private:
  const Matrix& scores_;
  Matrix sorted_;  // each row from its lowest score
  std::vector<double> sums_;
};

class Wanda final : public Method {
 public:
  explicit Wanda(const ConfigNode& options) : allocation_(options), variant_(options.get("variant", false)) {
    if (variant_ && allocation_.pattern().structured())
      options.fail_at("variant", "expected a sparsity: with a pattern every group of a row has as many zeros");
  }

  Effects effects() const override { return {.prunes = true}; }
  void check(const ModelShape& shape) const override { allocation_.check(shape); }
  bool needs_calibration() const override { return true; }
  size_t needed_samples() const override { return allocation_.needed_samples(); }

  Report compress(Model& model, const Calibration& calibration) const override {
    const LayerPatterns patterns = allocation_.patterns(model, calibration);
    std::map<std::string, size_t> counts;
    auto layers = calibration.sweep(model, {.column_norms = true}, [&](const Layer& layer, const Inputs& x) {
      const SparsityPattern& pattern = patterns.of(layer);
      Matrix w = layer.weight();                         // [out, in]
      const std::vector<float> norm = x.column_norms();  // [in]
      if (variant_)
        counts["layers_off_their_sparsity"] += !prune_by_shares(pattern.sparsity(), norm, w);
      else
        parallel_for(w.rows(), [&](size_t i) { pattern.prune(scores(w.row(i), norm), w.row(i)); });
      return pattern.pack(w, layer.dtype);  // sparse.bitmask or sparse.N:M
    });
    return {std::move(layers), std::move(counts)};
  }

 private:
  // Of one row: |w| * norm.
  static std::vector<float> scores(std::span<const float> w, std::span<const float> norm) {
    std::vector<float> scores(w.size());
    for (size_t j = 0; j < w.size(); ++j) scores[j] = std::abs(w[j]) * norm[j];
    return scores;
  }

  // Returns whether the sparsity was met.
  static bool prune_by_shares(double sparsity, std::span<const float> norm, Matrix& w) {
    if (sparsity == 0) return true;
    Matrix score(w.rows(), w.cols());
    parallel_for(w.rows(), [&](size_t i) { std::ranges::copy(scores(w.row(i), norm), score.row(i).begin()); });
    const RowShares shares(score);
    const RowShares::Share share = shares.share_for(sparsity);
    parallel_for(w.rows(), [&](size_t i) {
      const float threshold = shares.threshold(i, share.alpha);
      for (size_t j = 0; j < w.cols(); ++j)
        if (score(i, j) <= threshold) w(i, j) = 0;
    });
    return share.met;
  }

  SparsityAllocation allocation_;
  bool variant_;
};

const Register<Wanda> wanda_registration("wanda", "prune by |weight| * norm of its input");

}  // namespace
}  // namespace evalharness
