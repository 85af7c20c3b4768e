#include "harness/base/error.h"

#include <cstdio>
#include <cstdlib>

namespace evalharness {

void fail(const std::string& message) { throw Error(message); }

namespace detail {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: this is a bug in evalharness: not true: %s\n", file, line,
               condition);
  std::abort();
}

}  // namespace detail
}  // namespace evalharness
