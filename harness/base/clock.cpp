#include "harness/base/clock.h"

#include <chrono>

namespace evalharness {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace evalharness
