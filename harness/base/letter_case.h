// Python's str.lower() and str.upper() on UTF-8 text.
#pragma once

#include <string>
#include <string_view>

namespace evalharness {

// As CPython does it: I with a dot becomes two code points, a capital sigma that ends a word the
// final small one. Invalid bytes become U+FFFD.
std::string lower(std::string_view text);
// By code point; the few letters that become two (as in German) stay.
std::string upper(std::string_view text);

}  // namespace evalharness
