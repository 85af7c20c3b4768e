// Magnitude pruning, the baseline of every pruning paper.
//
// S. Han, J. Pool, J. Tran and W. J. Dally, "Learning both Weights and Connections for Efficient Neural
// Networks", NeurIPS 2015 (arXiv:1506.02626); layer by layer as the baseline of SparseGPT and Wanda.
//
// Of each matrix W [out, in] with n weights
//
//     threshold = sorted(|W|)[floor(n * sparsity)],   W(i, j) = 0 where |W(i, j)| <= threshold
//
// over the whole matrix, not a row. All ties at the threshold go, as in the authors' code, so that a
// matrix with many equal weights ends sparser than asked; the realised sparsity is in the report. With
// N:M the lowest of each group go, of ties the lowest index.
//
//     compress:
//       - method: magnitude
//         sparsity: 0.5        # fraction of each matrix, or instead:
//         pattern: 2:4         # keep 2 of every 4 neighbours

#include <algorithm>
#include <cmath>

#include "harness/base/parallel.h"
#include "methods/method.h"
#include "methods/sparsity.h"

namespace evalharness {
namespace {

class Magnitude final : public Method {
 public:
  explicit Magnitude(const ConfigNode& options) : pattern_(options) {}

  void check(const Model& model) const override { pattern_.check(model); }
  bool needs_calibration() const override { return false; }

  Report compress(Model& model, const Calibration& calibration) const override {
    return calibration.sweep(model, {}, [&](const Layer& layer, const Inputs&) {
      Matrix w = layer.weight();                    // [out, in]
      std::vector<float> magnitude(w.size());       // |W|
      std::ranges::transform(w.values(), magnitude.begin(), [](float x) { return std::abs(x); });
      if (pattern_.structured()) {
        parallel_for(w.rows(), [&](size_t i) {
          pattern_.prune(std::span(magnitude).subspan(i * w.cols(), w.cols()), w.row(i));
        });
      } else {
        prune_below(threshold(magnitude), w);
      }
      return pattern_.pack(w, layer.dtype);  // sparse.bitmask or sparse.N:M
    });
  }

 private:
  float threshold(std::vector<float> magnitude) const {
    const auto k = static_cast<ptrdiff_t>(static_cast<double>(magnitude.size()) * pattern_.sparsity());
    std::nth_element(magnitude.begin(), magnitude.begin() + k, magnitude.end());
    return magnitude[static_cast<size_t>(k)];
  }
  static void prune_below(float threshold, Matrix& w) {
    for (float& value : w.values())
      if (std::abs(value) <= threshold) value = 0;
  }

  SparsityPattern pattern_;
};

const Register<Magnitude> registration("magnitude", "prune the smallest |weight| of each matrix");

}  // namespace
}  // namespace evalharness
