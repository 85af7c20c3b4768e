// The two folders that everything is found in: the program's own data, and the cache.
#include <cstdlib>
#include <filesystem>

#include "datasets/dataset.h"
#include "harness/base/error.h"

namespace evalharness {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string home_directory() {
  const std::string chosen = environment("EVALHARNESS_HOME");
  if (!chosen.empty()) return chosen;
  // The source tree may have been moved or removed since the build.
  if (std::filesystem::is_directory(EVALHARNESS_SOURCE_ROOT "/datasets"))
    return EVALHARNESS_SOURCE_ROOT;
  return EVALHARNESS_INSTALLED_DATA;
}

std::string cache_directory() {
  const std::string chosen = environment("EVALHARNESS_CACHE");
  if (!chosen.empty()) return chosen;
  const std::string shared = environment("XDG_CACHE_HOME");
  if (!shared.empty()) return shared + "/evalharness";
  const std::string home = environment("HOME");
  if (home.empty()) fail("no place for the cache: set EVALHARNESS_CACHE or HOME");
  return home + "/.cache/evalharness";
}

}  // namespace evalharness
