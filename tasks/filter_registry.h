// Filters by name. Those of lm-evaluation-harness stand in filters.cpp; what its task files leave to Python is
// a file each in filters/.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tasks/filters.h"

namespace evalharness {

// const RegisterFilter word_sort_filter("word_sort", word_sort); the function reads the options of an item of `filter`.
struct RegisterFilter {
  RegisterFilter(const char* name, FilterChain::Step (*read)(const ConfigNode& options));
};

// Reads `function:` and that filter's own options. Fails on an unknown filter with the nearest name.
FilterChain::Step read_filter(const ConfigNode& node);

// A step that changes each text by itself.
FilterChain::Step for_each_text(std::function<std::string(const std::string&)> change);
// A step that takes an answer out of each text by itself; the fallback where it finds none.
FilterChain::Step from_each_text(std::function<std::optional<std::string>(const std::string&)> extract,
                                 const std::string& fallback);

// The answer, or the fallback as not found.
Extracted extracted_or(std::optional<std::string> answer, const std::string& fallback);

}  // namespace evalharness
