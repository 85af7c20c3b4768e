// Names out of files that are not believed, fit for one line of an error.
#pragma once

#include <string>
#include <string_view>

namespace evalharness {

// At most 64 bytes; what is not printable ASCII becomes '?'.
inline std::string printable(std::string_view name) {
  constexpr size_t kMost = 64;
  std::string text(name.substr(0, kMost));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return name.size() > kMost ? text + "..." : text;
}

}  // namespace evalharness
