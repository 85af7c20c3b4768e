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
// calibration set, then one selection per row.
//
//     compress:
//       - method: wanda
//         sparsity: 0.5        # fraction of each row, or instead:
//         pattern: 2:4         # keep 2 of every 4 neighbours
//         allocation: {layers: {down_proj: 0.4}}   # or blocks, or sensitivity: methods/allocation.h

#include <cmath>

#include "harness/base/parallel.h"
#include "methods/allocation.h"
#include "methods/method.h"

namespace evalharness {
namespace {

class Wanda final : public Method {
 public:
  explicit Wanda(const ConfigNode& options) : allocation_(options) {}

  Effects effects() const override { return {.prunes = true}; }
  void check(const Model& model) const override { allocation_.check(model); }
  bool needs_calibration() const override { return true; }
  size_t needed_samples() const override { return allocation_.needed_samples(); }

  Report compress(Model& model, const Calibration& calibration) const override {
    const LayerPatterns patterns = allocation_.patterns(model, calibration);
    return calibration.sweep(model, {.column_norms = true}, [&](const Layer& layer, const Inputs& x) {
      const SparsityPattern& pattern = patterns.of(layer);
      Matrix w = layer.weight();                         // [out, in]
      const std::vector<float> norm = x.column_norms();  // [in]
      parallel_for(w.rows(), [&](size_t i) {
        std::vector<float> score(w.cols());
        for (size_t j = 0; j < w.cols(); ++j) score[j] = std::abs(w(i, j)) * norm[j];
        pattern.prune(score, w.row(i));
      });
      return pattern.pack(w, layer.dtype);  // sparse.bitmask or sparse.N:M
    });
  }

 private:
  SparsityAllocation allocation_;
};

const Register<Wanda> wanda_registration("wanda", "prune by |weight| * norm of its input");

}  // namespace
}  // namespace evalharness
