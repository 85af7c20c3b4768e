// The largest of some errors, which a NaN does not escape: std::max(x, NaN) is x.
#pragma once

#include <cmath>
#include <limits>

namespace evalharness::test {

inline double larger(double largest, double error) {
  if (std::isnan(error)) return std::numeric_limits<double>::infinity();
  return error > largest ? error : largest;
}

}  // namespace evalharness::test
