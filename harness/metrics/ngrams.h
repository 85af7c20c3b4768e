// Runs of words or characters, counted.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evalharness {

// How often each n-gram occurs.
using NgramCounts = std::map<std::string, size_t>;

// Words are joined by one space: they must hold none. Precondition of both: n > 0.
NgramCounts word_ngrams(std::span<const std::string> words, size_t n);
// n code points each. Precondition: valid UTF-8.
NgramCounts character_ngrams(std::string_view text, size_t n);

size_t total(const NgramCounts& counts);
// Each n-gram as often as it stands in both.
size_t matches(const NgramCounts& a, const NgramCounts& b);

}  // namespace evalharness
