// Estimates with a normal 95 % interval.
#pragma once

#include <cmath>

#include "harness/result/run_result.h"

namespace evalharness {

inline constexpr double kNormal95 = 1.959963984540054;

// value +- 1.96 standard errors of n documents; no error where n is 1. "diverged" where a number is
// not finite.
inline Estimate normal_estimate(double value, double standard_error, size_t n) {
  if (!std::isfinite(value) || !std::isfinite(standard_error)) return Estimate::missing("diverged");
  Estimate estimate;
  estimate.value = value;
  estimate.n = n;
  if (n < 2) return estimate;
  estimate.standard_error = standard_error;
  estimate.low = value - kNormal95 * standard_error;
  estimate.high = value + kNormal95 * standard_error;
  return estimate;
}

}  // namespace evalharness
