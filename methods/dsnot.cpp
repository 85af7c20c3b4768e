// DSnoT: a pruned layer's mask refined without training, by growing some weights back and pruning others.
//
// Y. Zhang, L. Zhao, M. Lin, Y. Sun, Y. Yao, X. Han, J. Tanner, S. Liu and R. Ji, "Dynamic Sparse No Training:
// Training-Free Fine-tuning for Sparse LLMs", ICLR 2024 (arXiv:2310.08915), algorithm 1.
//
// What the expected output of a row i of W [out, in] lacks of the original's, W0, and what each weight counts for:
//
//     error_i = sum over j of (W0(i, j) - W(i, j)) m_j,   D(i, j) = W(i, j) m_j,   m_j = sum over tokens of x_j / samples
//
// with W0 in D for a pruned j. Where pruning changed no weight that it kept (Wanda, magnitude) the error is the sum of D
// over the pruned j, as the paper has it; after SparseGPT it also counts what the kept weights make up for already.
//
// While |error_i| > threshold, and at most max_cycles times: where it is positive, the pruned weight with the largest
// D(i, j) / var(x_j)^power grows back, and of the kept weights with negative D the one with the lowest Wanda score
// |W(i, j)| ||x_j|| goes; where it is negative the signs are the other way round. Each row keeps its number of zeros,
// and after N:M each group: there the kept weight with the lowest score of the regrown one's group goes, whatever its
// sign, and a row is always done when its error would change its sign. No weight changes its value: what grows back is
// the original weight, what stays is as the method before left it.
//
// As in the authors' code a swap may overshoot: after N:M one that makes an error of the same sign larger is taken too. Where no kept
// weight of the sign wanted is left a row is done, as the paper's rule has it; their code goes on with those of the other sign, from the
// highest score down.
//
// The variance is that over all tokens, as in the paper; the authors' code averages the variances of the samples. The
// inputs are those that the pruned model sees; the authors' are those of the block before it was pruned, behind pruned ones. A layer
// that no method has pruned stays as it is.
//
//     compress:
//       - {method: wanda, sparsity: 0.6}
//       - method: dsnot
//         layers: attention        # as in the authors' code; or all
//         max_cycles: 50
//         threshold: 0.1           # on the scale of m_j: of a sum over the tokens of a sample
//         power: 1                 # of the variance
//         same_sign: false         # a row is done when its error would change its sign

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/ops/sparse_nm.h"
#include "methods/method.h"

namespace evalharness {
namespace {

struct Rule {
  bool same_sign;
  size_t max_cycles;
  double threshold, power;
};

// Of a layer's inputs: [in].
struct InputMoments {
  std::vector<double> sums, spread;  // m_j, var(x_j)^power
  std::vector<float> norms;
};

InputMoments moments_of(const Inputs& x, double power) {
  constexpr double kLeastVariance = 1e-12;  // of an input that never changes
  InputMoments moments{x.column_means(), x.column_variances(), x.column_norms()};
  for (double& mean : moments.sums) mean *= static_cast<double>(x.tokens()) / static_cast<double>(x.samples());
  for (double& variance : moments.spread) variance = std::pow(std::max(variance, kLeastVariance), power);
  return moments;
}

// One row on its way to a better mask.
class Row {
 public:
  // `group` is M of N:M, or 0. `weights` are those of the pruned row, `original` those of the dense model.
  Row(std::span<float> weights, std::span<const float> original, const InputMoments& inputs, size_t group)
      : weights_(weights), original_(original), group_(group), effect_(weights.size()), score_(weights.size()) {
    std::vector<double> gain(weights.size());
    for (size_t j = 0; j < weights.size(); ++j) {
      const bool kept = weights[j] != 0;
      const double w = static_cast<double>(kept ? weights[j] : original[j]);
      effect_[j] = w * inputs.sums[j];
      score_[j] = std::abs(w) * static_cast<double>(inputs.norms[j]);
      gain[j] = std::abs(effect_[j]) / inputs.spread[j];
      error_ += static_cast<double>(original[j] - weights[j]) * inputs.sums[j];
      if (effect_[j] != 0) (kept ? prunable_ : growable_)[effect_[j] > 0].push_back(j);
    }
    for (std::vector<size_t>& side : growable_)
      std::ranges::stable_sort(side, [&](size_t a, size_t b) { return gain[a] > gain[b]; });
    for (std::vector<size_t>& side : prunable_)
      std::ranges::stable_sort(side, [&](size_t a, size_t b) { return score_[a] < score_[b]; });
  }

  // Returns how many weights grew back.
  size_t refine(const Rule& rule) {
    const bool began_positive = error_ > 0;
    size_t swaps = 0;
    for (; swaps < rule.max_cycles && std::abs(error_) > rule.threshold; ++swaps) {
      const bool positive = error_ > 0;
      if (next_growable_[positive] == growable_[positive].size()) break;
      const size_t grown = growable_[positive][next_growable_[positive]];
      const size_t pruned = group_ > 0 ? lowest_in_group(grown) : lowest_of_sign(!positive);
      if (pruned == kNone) break;
      const double error = error_ + effect_[pruned] - effect_[grown];
      if ((rule.same_sign || group_ > 0) && (error > 0) != began_positive) break;
      ++next_growable_[positive];
      next_prunable_[!positive] += group_ == 0;
      weights_[grown] = original_[grown];
      weights_[pruned] = 0;
      grown_.push_back(grown);
      error_ = error;
    }
    return swaps;
  }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  size_t lowest_of_sign(bool positive) const {
    const size_t next = next_prunable_[positive];
    return next < prunable_[positive].size() ? prunable_[positive][next] : kNone;
  }
  // Not one that has just grown back.
  size_t lowest_in_group(size_t grown) const {
    size_t lowest = kNone;
    const size_t first = grown / group_ * group_;
    for (size_t j = first; j < first + group_; ++j)
      if (weights_[j] != 0 && std::ranges::find(grown_, j) == grown_.end() && (lowest == kNone || score_[j] < score_[lowest]))
        lowest = j;
    return lowest;
  }

  std::span<float> weights_;
  std::span<const float> original_;
  size_t group_;
  std::vector<double> effect_, score_;  // D and Wanda's score
  double error_ = 0;
  std::array<std::vector<size_t>, 2> growable_, prunable_;  // [effect > 0], in the order in which they are taken
  std::array<size_t, 2> next_growable_{}, next_prunable_{};
  std::vector<size_t> grown_;
};

bool is_bitmask(const std::string& format) { return format.starts_with("sparse.bitmask."); }

// As it was before the pruning, in the model's own dtype: what grows back is stored so again.
Matrix original_of(const Layer& layer, const Calibration& calibration) {
  return make_dense(calibration.original(layer.slot.name).view(), layer.dtype)->to_dense();
}

class Dsnot final : public Method {
 public:
  explicit Dsnot(const ConfigNode& options)
      : attention_only_(options.get_one_of("layers", {"attention", "all"}, "attention") == "attention"),
        rule_{options.get("same_sign", false), options.get("max_cycles", size_t{50}), options.get("threshold", 0.1),
              options.get("power", 1.0)} {
    if (!(rule_.threshold >= 0)) options.fail_at("threshold", cat("expected threshold >= 0, got ", rule_.threshold));
    if (!(rule_.power >= 0)) options.fail_at("power", cat("expected power >= 0, got ", rule_.power));
  }

  Effects effects() const override { return {.prunes = true, .refines = true}; }
  void check(const ModelShape&) const override {}
  bool needs_calibration() const override { return true; }

  Report compress(Model& model, const Calibration& calibration) const override {
    std::map<std::string, size_t> counts;
    const Needs needs{.column_norms = true, .column_means = true};
    auto layers = calibration.sweep(model, needs, [&](const Layer& layer, const Inputs& x) {
      if (!treats(layer)) {
        ++counts["layers_left_alone"];
        return LinearPtr();
      }
      return refine(layer, original_of(layer, calibration), x, counts["regrown_weights"]);
    });
    return {std::move(layers), std::move(counts)};
  }

 private:
  bool treats(const Layer& layer) const {
    if (&layer.op != layer.slot.op.get()) fail(cat("dsnot: ", layer.slot.name, " is ", layer.slot.op->format(), ": it refines whole layers"));
    const std::string format = layer.op.format();
    const bool refinable = layer.pruned() && !format.starts_with("sparse.bitmask.int");  // codes are past moving
    if (!refinable && !format.starts_with("dense."))
      fail(cat("dsnot: ", layer.slot.name, " is ", format, ": it refines pruned layers, so it comes right after the pruning"));
    return refinable && !(attention_only_ && layer.linear >= Linear::gate);
  }

  LinearPtr refine(const Layer& layer, const Matrix& original, const Inputs& x, size_t& regrown) const {
    const std::string format = layer.op.format();
    const Pattern pattern = is_bitmask(format) ? Pattern{} : pattern_of_format(format);
    Matrix w = layer.weight();  // [out, in]
    const InputMoments inputs = moments_of(x, rule_.power);
    std::vector<size_t> swaps(w.rows());
    parallel_for(w.rows(), [&](size_t i) { swaps[i] = Row(w.row(i), original.row(i), inputs, pattern.m).refine(rule_); });
    regrown = std::accumulate(swaps.begin(), swaps.end(), regrown);
    if (pattern.m > 0) return make_sparse_nm(w.view(), pattern.n, pattern.m, layer.dtype);
    return make_sparse_bitmask(w.view(), layer.dtype);
  }

  bool attention_only_;
  Rule rule_;
};

const Register<Dsnot> dsnot_registration("dsnot", "swap pruned and kept weights until each row's expected output is right");

}  // namespace
}  // namespace evalharness
