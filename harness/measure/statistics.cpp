#include "harness/measure/statistics.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr size_t kResamples = 1000;
constexpr size_t kFewestForInterval = 6;
constexpr double kDoubt = 0.01;  // 99 % confidence

double median_in_place(std::vector<double>& samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  if (samples.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(samples.begin(), middle)) / 2;
}

std::vector<double> resampled_medians(std::span<const double> samples) {
  Rng rng(0, "measure.bootstrap", samples.size());
  std::vector<double> medians(kResamples), draw(samples.size());
  for (double& value : medians) {
    for (double& sample : draw) sample = samples[rng.below(samples.size())];
    value = median_in_place(draw);
  }
  std::sort(medians.begin(), medians.end());
  return medians;
}

double standard_deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace

double median(std::span<const double> samples) {
  EH_ASSERT(!samples.empty());
  std::vector<double> copy(samples.begin(), samples.end());
  return median_in_place(copy);
}

Estimate median_estimate(std::span<const double> samples) {
  if (samples.empty()) return Estimate::missing("no samples");
  Estimate estimate;
  estimate.value = median(samples);
  estimate.n = samples.size();
  if (samples.size() < kFewestForInterval) return estimate;
  const std::vector<double> medians = resampled_medians(samples);
  estimate.standard_error = standard_deviation(medians);
  estimate.low = medians[kResamples * 25 / 1000];
  estimate.high = medians[kResamples - 1 - kResamples * 25 / 1000];
  return estimate;
}

bool is_wide(const Estimate& estimate, double share) {
  if (!estimate.value || !estimate.low || !estimate.high) return true;
  return *estimate.high - *estimate.low > share * std::abs(*estimate.value);
}

double binomial_cdf(size_t k, size_t n, double probability) {
  if (k >= n) return 1;
  // Terms by their logarithms: 0.99^n alone underflows for the sample counts of a long run.
  double total = 0;
  for (size_t i = 0; i <= k; ++i) {
    const double hits = static_cast<double>(i), trials = static_cast<double>(n);
    total +=
        std::exp(std::lgamma(trials + 1) - std::lgamma(hits + 1) - std::lgamma(trials - hits + 1) +
                 hits * std::log(probability) + (trials - hits) * std::log1p(-probability));
  }
  return std::min(total, 1.0);
}

size_t percentile_minimum(double p) {
  EH_ASSERT(p > 0 && p < 1);
  size_t n = 2;
  while (binomial_cdf(1, n, 1 - p) > kDoubt) ++n;
  return n;
}

Percentile percentile(std::span<const double> samples, double p) {
  const size_t n = samples.size(), minimum = percentile_minimum(p);
  if (n < minimum) {
    const Estimate none = Estimate::missing(cat("n/a (need ", minimum, ")"));
    return {none, none};
  }
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  size_t allowed = 1;
  while (binomial_cdf(allowed + 1, n, 1 - p) <= kDoubt) ++allowed;
  // 1e-9: 70 * 0.9 is 62.99... in binary.
  const size_t rank = static_cast<size_t>(static_cast<double>(n) * p + 1e-9);
  Percentile result;
  result.nearest_rank.value = sorted[std::min(rank, n - 1)];
  result.conservative.value = sorted[n - allowed];
  result.nearest_rank.n = result.conservative.n = n;
  return result;
}

Estimate rate_estimate(double amount, const Estimate& seconds) {
  if (!seconds.value) return seconds;
  Estimate rate;
  rate.n = seconds.n;
  rate.value = amount / *seconds.value;
  if (seconds.high) rate.low = amount / *seconds.high;
  if (seconds.low) rate.high = amount / *seconds.low;
  if (seconds.standard_error) {
    rate.standard_error = *rate.value * *seconds.standard_error / *seconds.value;
  }
  return rate;
}

Estimate scaled(const Estimate& estimate, double factor) {
  EH_ASSERT(factor > 0);
  Estimate result = estimate;
  for (std::optional<double>* const part :
       {&result.value, &result.standard_error, &result.low, &result.high}) {
    if (*part) *part = **part * factor;
  }
  return result;
}

}  // namespace evalharness
