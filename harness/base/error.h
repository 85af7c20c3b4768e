// Two kinds of error, and no third. A user's mistake (a config, a file, a dataset) ends in fail(),
// which throws Error with one line of text; our own mistake ends in EH_ASSERT, which aborts.
//
// Text: `file:line:column: key: expected X, got Y (did you mean 'Z'?)`, lower case, no full stop.
#pragma once

#include <stdexcept>
#include <string>

namespace evalharness {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void fail(const std::string& message);

namespace detail {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}

#define EH_ASSERT(condition)                                                   \
  do {                                                                         \
    if (!(condition)) {                                                        \
      ::evalharness::detail::assertion_failed(#condition, __FILE__, __LINE__); \
    }                                                                          \
  } while (false)

}  // namespace evalharness
