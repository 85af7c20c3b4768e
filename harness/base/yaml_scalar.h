// What a plain (unquoted) YAML scalar stands for: null, boolean, integer, number or string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/value.h"

namespace evalharness {

// YAML 1.2, core schema.
std::optional<bool> yaml_bool(const std::string& plain);
std::optional<int64_t> yaml_integer(const std::string& plain);  // none where it needs over 64 bits
std::optional<double> yaml_number(const std::string& plain);    // integers too; .inf and .nan
Value yaml_1_2_value(const std::string& plain);

// As PyYAML's SafeLoader resolves YAML 1.1; dates stay strings.
Value yaml_1_1_value(const std::string& plain);

// What yaml-cpp 0.7 reads of the scalar that begins at `at` of the source (UTF-8), with two of its faults mended. Of a quoted
// scalar that ends in line breaks it keeps one, as of a block: folded, N before the closing quote are N - 1 of the text. And
// it makes single bytes, not UTF-8, of the escapes \_ and \N (U+00A0 and U+0085).
std::string mended_scalar(std::string text, std::string_view source, size_t at);

}  // namespace evalharness
