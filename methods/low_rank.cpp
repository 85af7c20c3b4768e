#include "methods/low_rank.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/ops/chain.h"

namespace evalharness {
namespace {

LinearPtr dense_of(const DoubleMatrix& u, const DoubleMatrix& v, Dtype dtype) {
  DoubleMatrix negative(u.rows(), v.cols());
  subtract_product(u.view(), v.view(), negative.view());
  for (double& value : negative.values()) value = -value;
  return make_dense(negative.to_float().view(), dtype);
}

}  // namespace

RankRule::RankRule(const ConfigNode& options) {
  const auto rank = options.find("rank");
  if (!rank) {
    ratio_ = options.get("ratio", 0.8);
    if (!(ratio_ > 0 && ratio_ <= 1)) options.fail_at("ratio", cat("expected 0 < ratio <= 1, got ", ratio_));
    return;
  }
  if (options.has("ratio")) options.fail_at("ratio", "expected either ratio or rank, got both");
  rank_ = rank->as_count();
  if (rank_ == 0) rank->fail("expected a rank of at least 1, got 0");
}

size_t rank_of_ratio(double ratio, size_t out, size_t in) {
  const double weights = static_cast<double>(out) * static_cast<double>(in);
  return std::max<size_t>(1, static_cast<size_t>(ratio * weights / static_cast<double>(out + in)));
}

size_t RankRule::rank(size_t out, size_t in) const { return by_ratio() ? rank_of_ratio(ratio_, out, in) : rank_; }

void RankRule::check(const ModelShape& shape) const {
  for (const LayerShape& layer : shape.layers)
    for (const auto [out, in] : layer.leaves) {
      const size_t most = std::min(out, in);
      if (rank_ > most) fail(cat("rank ", rank_, " does not fit ", layer.name, " [", out, ", ", in, "]: its rank is ", most, " at most"));
    }
}

ModelShape RankRule::after(ModelShape shape) const {
  for (LayerShape& layer : shape.layers) layer.split([&](WeightShape w) { return low_rank_shape(w, rank(w.out, w.in)); });
  return shape;
}

std::vector<WeightShape> low_rank_shape(WeightShape weight, size_t rank) {
  const auto [out, in] = weight;
  if (rank * (out + in) >= out * in) return {weight};
  return {{rank, in}, {out, rank}};
}

LinearPtr pack_low_rank(const Svd& svd, size_t rank, std::span<const double> column_scales, Dtype dtype) {
  EH_ASSERT(rank <= svd.s.size());
  DoubleMatrix u(svd.u.rows(), rank), v(rank, svd.vt.cols());
  for (size_t k = 0; k < rank; ++k) {
    const double root = std::sqrt(svd.s[k]);
    for (size_t i = 0; i < u.rows(); ++i) u(i, k) = svd.u(i, k) * root;
    for (size_t j = 0; j < v.cols(); ++j) v(k, j) = svd.vt(k, j) * root / (column_scales.empty() ? 1.0 : column_scales[j]);
  }
  if (low_rank_shape({u.rows(), v.cols()}, rank).size() == 1) return dense_of(u, v, dtype);
  return make_chain(make_dense(v.to_float().view(), dtype), make_dense(u.to_float().view(), dtype));
}

}  // namespace evalharness
