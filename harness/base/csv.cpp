#include "harness/base/csv.h"

#include "harness/base/text.h"

namespace evalharness {

std::string csv_line(const std::vector<std::string>& fields) {
  std::vector<std::string> cells;
  for (const std::string& field : fields) {
    const bool is_plain = field.find_first_of(",\"\r\n") == std::string::npos;
    cells.push_back(is_plain ? field : cat("\"", replace_all(field, "\"", "\"\""), "\""));
  }
  return join(cells, ",") + "\r\n";
}

std::string optional_text(const std::optional<double>& value) {
  return value ? number_text(*value) : "";
}

}  // namespace evalharness
