// Estimates of made-up measurements.
#pragma once

#include "harness/result/run_result.h"

namespace evalharness {

// Without an interval.
inline Estimate measured(double value, double standard_error, size_t n) {
  Estimate estimate;
  estimate.value = value;
  estimate.standard_error = standard_error;
  estimate.n = n;
  return estimate;
}

}  // namespace evalharness
