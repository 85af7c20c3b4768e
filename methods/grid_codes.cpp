#include "methods/grid_codes.h"

#include <algorithm>
#include <numeric>

#include "harness/base/parallel.h"
#include "methods/rounding.h"

namespace evalharness {

Rounding read_gptq_rounding(const ConfigNode& options) {
  Rounding rounding{.bits = read_bits(options), .group = read_group(options)};
  rounding.symmetric = options.get("sym", false);
  rounding.fit = rounding.symmetric ? UniformGrid::gptq_symmetric : UniformGrid::gptq_asymmetric;
  rounding.mse = options.get("mse", false);
  return rounding;
}

Order in_place(size_t columns) {
  Order order(columns);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

GridCodes::GridCodes(const Rounding& rounding, const DoubleMatrix& w, Order order, bool fit_now)
    : rounding_(rounding), order_(std::move(order)), turn_(order_.size()), width_(rounding.group == 0 ? order_.size() : rounding.group),
      fitted_(fit_now || rounding.group == 0) {
  for (size_t j = 0; j < order_.size(); ++j) turn_[order_[j]] = j;
  q_.bits = rounding.bits;
  q_.group = rounding.group;
  q_.out = w.rows();
  q_.in = order_.size();
  q_.codes.resize(q_.out * q_.in);
  q_.scales = Matrix(q_.out, q_.groups());
  if (!rounding.symmetric) q_.zeros.resize(q_.out * q_.groups());
  grids_.resize(q_.out * q_.groups());
  if (fitted_) fit(w, 0, q_.in);
}

void GridCodes::begin_block(const DoubleMatrix& w, size_t first, size_t end) {
  if (!fitted_) fit(w, first, end);
}

void GridCodes::fit(const DoubleMatrix& w, size_t first, size_t end) {
  for (size_t group = (first + width_ - 1) / width_; group * width_ < std::min(end, q_.in); ++group)
    parallel_for(q_.out, [&](size_t i) { fit_group(w.row(i), i, group); });
}

double GridCodes::fix(size_t i, size_t j, double weight) {
  const size_t column = order_[j];
  const UniformGrid& grid = grids_[i * q_.groups() + column / width_];
  const uint8_t code = grid.code(static_cast<float>(weight));
  q_.codes[i * q_.in + column] = code;
  return static_cast<double>(grid.value(code));
}

void GridCodes::fit_group(std::span<const double> row, size_t i, size_t group) {
  std::vector<float> unit;
  for (size_t column = group * width_; column < std::min(q_.in, (group + 1) * width_); ++column)
    unit.push_back(static_cast<float>(row[turn_[column]]));
  const UniformGrid grid = rounding_.grid(unit);
  grids_[i * q_.groups() + group] = grid;
  q_.scales(i, group) = grid.scale;
  if (!rounding_.symmetric) q_.zeros[i * q_.groups() + group] = static_cast<uint8_t>(grid.zero);
}

}  // namespace evalharness
