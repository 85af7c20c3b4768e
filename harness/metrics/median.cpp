#include "harness/metrics/median.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/base/rng.h"
#include "harness/metrics/normal.h"

namespace evalharness {
namespace {

constexpr size_t kDraws = 1000;

// Of the items at `chosen`; not a number where one of these is none.
double median(std::span<const Item> items, std::span<const size_t> chosen) {
  std::vector<double> values;
  for (const size_t i : chosen) values.push_back(items[i].value);
  for (const double value : values)
    if (std::isnan(value)) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// `statistic` of the documents at some indices: its value on all, with its error.
template <class Statistic>
Estimate bootstrap(size_t n, Statistic statistic) {
  std::vector<size_t> chosen(n);
  for (size_t i = 0; i < n; ++i) chosen[i] = i;
  const double value = statistic(chosen);
  if (n < 2) return normal_estimate(value, 0, n);
  double sum = 0;
  std::vector<double> draws;
  for (size_t draw = 0; draw < kDraws; ++draw) {
    Rng rng(0, "metrics.median", draw);
    for (size_t& i : chosen) i = rng.below(n);
    draws.push_back(statistic(chosen));
    sum += draws.back();
  }
  const double mean = sum / kDraws;
  double squares = 0;
  for (const double draw : draws) squares += (draw - mean) * (draw - mean);
  return normal_estimate(value, std::sqrt(squares / (kDraws - 1)), n);
}

}  // namespace

Estimate median_estimate(std::span<const Item> items) {
  return bootstrap(items.size(),
                   [&](std::span<const size_t> chosen) { return median(items, chosen); });
}

Estimate median_difference(std::span<const Item> dense, std::span<const Item> compressed) {
  return bootstrap(dense.size(), [&](std::span<const size_t> chosen) {
    return median(compressed, chosen) - median(dense, chosen);
  });
}

}  // namespace evalharness
