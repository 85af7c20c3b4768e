// SVD: every weight as the product of two thinner ones, the nearest there is. No data: the baseline of every low-rank
// method.
//
// C. Eckart and G. Young, "The approximation of one matrix by another of lower rank", Psychometrika 1 (1936).
//
//     W [out, in] = U diag(s) V^T,   W_r = (U_r diag(s_r)^1/2) (diag(s_r)^1/2 V_r^T),   ||W - W_r||_F^2 = sum of s_k^2, k > r
//
// A ratio of parameters p gives r = floor(p * out * in / (out + in)). Of a square matrix all ranks above half of its
// side save nothing: where two factors are no smaller than W_r, that is stored, dense. All linear layers of the blocks
// are treated; embedding, head and norms stay as they are.
//
//     compress:
//       - method: svd
//         ratio: 0.8           # parameters that are left of each layer's, or instead:
//         rank: 64

#include "methods/low_rank.h"
#include "methods/method.h"

namespace evalharness {
namespace {

class PlainSvd final : public Method {
 public:
  explicit PlainSvd(const ConfigNode& options) : rule_(options) {}

  Effects effects() const override { return {.splits = true}; }
  void check(const ModelShape& shape) const override { rule_.check(shape); }
  ModelShape after(ModelShape shape) const override { return rule_.after(std::move(shape)); }
  bool needs_calibration() const override { return false; }

  Report compress(Model& model, const Calibration& calibration) const override {
    return calibration.sweep(model, {}, [&](const Layer& layer, const Inputs&) {
      const Matrix w = layer.weight();  // [out, in]
      return pack_low_rank(svd(DoubleMatrix(w.view())), rule_.rank(w.rows(), w.cols()), {}, layer.dtype);
    });
  }

 private:
  RankRule rule_;
};

const Register<PlainSvd> svd_registration("svd", "two thin factors in place of each weight, the nearest there are");

}  // namespace
}  // namespace evalharness
