// Comma-separated values (RFC 4180).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace evalharness {

// One line with its end: fields in quotes where they must be.
std::string csv_line(const std::vector<std::string>& fields);
// "" where there is none.
std::string optional_text(const std::optional<double>& value);

}  // namespace evalharness
