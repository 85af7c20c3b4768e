// Medians with their intervals, and percentiles that say when there are too few samples.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "harness/result/run_result.h"

namespace evalharness {

// The mean of the two middle samples where their number is even. Precondition: not empty.
double median(std::span<const double> samples);

// Median, its standard error and 95 % interval by the bootstrap (1000 resamples, percentiles of
// their medians; the draws depend on the samples' number only). Below 6 samples not even the range
// from the smallest to the largest covers the median with 95 %: such an estimate has a value and no
// interval.
Estimate median_estimate(std::span<const double> samples);

// Whether the interval is wider than `share` of the value; also where there is no interval.
bool is_wide(const Estimate& estimate, double share = 0.10);

// P(X <= k) of a binomial distribution of n trials.
double binomial_cdf(size_t k, size_t n, double probability);

// Fewest samples that support a percentile: with fewer, more than one sample above it cannot be
// ruled out at 99 % confidence (MLPerf loadgen's bound). 64, 130, 219, 662 for 0.90, 0.95, 0.97,
// 0.99.
size_t percentile_minimum(double p);

struct Percentile {
  Estimate nearest_rank;  // sorted[floor(n * p)], no interpolation
  // loadgen's early-stopping estimate: not below the true percentile, with 99 % confidence. The
  // t-th largest sample, of the largest t with binomial_cdf(t, n, 1 - p) <= 0.01.
  Estimate conservative;
};
// Both are missing, with "n/a (need 662)", below percentile_minimum(p).
Percentile percentile(std::span<const double> samples, double p);

// amount / estimate with its interval: FLOPs and seconds give FLOP/s. The standard error is carried
// to first order.
Estimate rate_estimate(double amount, const Estimate& seconds);
// The estimate with everything multiplied by a positive factor.
Estimate scaled(const Estimate& estimate, double factor);

}  // namespace evalharness
