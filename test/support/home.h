// Where the source tree is, for goldens and data files: EVALHARNESS_HOME, else the current folder.
#pragma once

#include <cstdlib>
#include <string>

namespace evalharness {

inline std::string home_path(const std::string& relative) {
  const char* const home = std::getenv("EVALHARNESS_HOME");
  return (home == nullptr ? std::string(".") : std::string(home)) + "/" + relative;
}

}  // namespace evalharness
