#include "harness/ops/uniform_grid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "harness/base/error.h"
#include "harness/base/parallel.h"

namespace evalharness {
namespace {

float last_code(size_t bits) {
  EH_ASSERT(bits >= 2 && bits <= 8);
  return static_cast<float>((1u << bits) - 1);
}
float middle_code(size_t bits) { return static_cast<float>(1u << (bits - 1)); }

Range or_unit_range(Range range) {
  return range.low == 0 && range.high == 0 ? Range{-1, 1} : range;
}

// Calls take(group, its first input, its weights, their grid) for each unit of a row.
template <class Row, class Take>
void each_unit(Row row, const Rounding& rounding, const Take& take) {
  const size_t width = rounding.group == 0 ? row.size() : rounding.group;
  for (size_t first = 0; first < row.size(); first += width) {
    const auto unit = row.subspan(first, std::min(width, row.size() - first));
    take(first / width, first, unit, rounding.grid(unit));
  }
}

// Sum of |x - round(x)|^2.4, or something that is no less than `enough`.
double rounding_error(std::span<const float> unit, const UniformGrid& grid, double enough) {
  double sum = 0;
  for (size_t i = 0; i < unit.size() && sum < enough; ++i)
    sum += static_cast<double>(std::pow(std::abs(unit[i] - grid.round(unit[i])), 2.4f));
  return sum;
}

float largest_magnitude(Range range) { return std::max(std::abs(range.low), range.high); }

}  // namespace

Range range_of(std::span<const float> unit) {
  EH_ASSERT(!unit.empty());
  // Lanes of their own, so that the loop becomes vectors.
  constexpr size_t kLanes = 8;
  std::array<float, kLanes> low, high;
  low.fill(unit[0]);
  high.fill(unit[0]);
  const size_t whole = unit.size() - unit.size() % kLanes;
  for (size_t i = 0; i < whole; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) {
      low[lane] = std::min(low[lane], unit[i + lane]);
      high[lane] = std::max(high[lane], unit[i + lane]);
    }
  for (size_t i = whole; i < unit.size(); ++i) {
    low[0] = std::min(low[0], unit[i]);
    high[0] = std::max(high[0], unit[i]);
  }
  return {std::ranges::min(low), std::ranges::max(high)};
}

UniformGrid UniformGrid::gptq_asymmetric(size_t bits, Range range) {
  const Range r = or_unit_range({std::min(range.low, 0.0f), std::max(range.high, 0.0f)});
  const float scale = (r.high - r.low) / last_code(bits);
  return {bits, scale, round_half_even(-r.low / scale)};
}

UniformGrid UniformGrid::gptq_symmetric(size_t bits, Range range) {
  Range r{std::min(range.low, 0.0f), std::max(range.high, 0.0f)};
  r.high = largest_magnitude(r);
  if (r.low < 0) r.low = -r.high;
  r = or_unit_range(r);
  return {bits, (r.high - r.low) / last_code(bits), middle_code(bits)};
}

UniformGrid UniformGrid::awq_asymmetric(size_t bits, Range range) {
  constexpr float kLeastWidth = 1e-5f;
  const float last = last_code(bits);
  const float scale = std::max(range.high - range.low, kLeastWidth) / last;
  return {bits, scale, std::clamp(-round_half_even(range.low / scale), 0.0f, last)};
}

UniformGrid UniformGrid::absmax(size_t bits, Range range) {
  const float largest = largest_magnitude(range);
  const float scale = largest / (middle_code(bits) - 1);
  return {bits, largest > 0 ? scale : 1, middle_code(bits)};
}

UniformGrid UniformGrid::as_stored(Dtype dtype) const {
  return {bits, stored_scale(scale, dtype), zero};
}

UniformGrid Rounding::grid(std::span<const float> unit) const {
  const Range range = range_of(unit);
  UniformGrid best = fit(bits, range).as_stored(dtype);
  if (!mse) return best;
  double least = rounding_error(unit, best, std::numeric_limits<double>::infinity());
  for (int hundredths = 99; hundredths > 20; --hundredths) {
    const float share = static_cast<float>(hundredths) / 100;
    const UniformGrid narrower = fit(bits, {share * range.low, share * range.high}).as_stored(dtype);
    const double error = rounding_error(unit, narrower, least);
    if (error >= least) continue;
    least = error;
    best = narrower;
  }
  return best;
}

QuantisedMatrix round_to_grid(MatrixView w, const Rounding& rounding) {
  QuantisedMatrix q{.bits = rounding.bits,
                    .group = rounding.group,
                    .out = w.rows,
                    .in = w.cols,
                    .codes = {},
                    .scales = {},
                    .zeros = {}};
  const size_t groups = q.groups();
  q.codes.resize(w.rows * w.cols);
  q.scales = Matrix(w.rows, groups);
  if (!rounding.symmetric) q.zeros.resize(w.rows * groups);
  parallel_for(w.rows, [&](size_t o) {
    each_unit(w.row(o), rounding, [&](size_t group, size_t first, auto unit, const UniformGrid& grid) {
      q.scales(o, group) = grid.scale;
      if (!rounding.symmetric) q.zeros[o * groups + group] = static_cast<uint8_t>(grid.zero);
      for (size_t i = 0; i < unit.size(); ++i) q.codes[o * w.cols + first + i] = grid.code(unit[i]);
    });
  });
  return q;
}

void round_row(std::span<float> row, const Rounding& rounding) {
  // A grid of its own, which no store to the row can change: the loop becomes vectors.
  each_unit(row, rounding, [](size_t, size_t, auto unit, const UniformGrid grid) {
    for (float& x : unit) x = grid.round(x);
  });
}

}  // namespace evalharness
