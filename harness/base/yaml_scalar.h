// What a plain (unquoted) YAML scalar stands for: null, boolean, integer, number or string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "harness/base/value.h"

namespace evalharness {

// YAML 1.2, core schema.
std::optional<bool> yaml_bool(const std::string& plain);
std::optional<int64_t> yaml_integer(const std::string& plain);  // none where it needs over 64 bits
std::optional<double> yaml_number(const std::string& plain);    // integers too; .inf and .nan
Value yaml_1_2_value(const std::string& plain);

// As PyYAML's SafeLoader resolves YAML 1.1; dates stay strings.
Value yaml_1_1_value(const std::string& plain);

}  // namespace evalharness
