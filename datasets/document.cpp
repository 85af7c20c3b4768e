#include "datasets/document.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/text.h"

namespace evalharness {

Document Document::parse(std::string_view json, std::string where) {
  Value fields = parse_json(json, where);
  if (!fields.is_map()) fail(cat(where, ": expected an object, got ", fields.type_name()));
  return {std::move(fields), std::move(where)};
}

const Value& Document::at(std::string_view field, std::string_view asked_by) const {
  if (const Value* value = fields_.find(field)) return *value;
  std::vector<std::string> names;
  for (const auto& [name, value] : fields_.map()) names.push_back(name);
  std::sort(names.begin(), names.end());
  fail(cat(where_, ": ", asked_by, asked_by.empty() ? "" : ": ", "no field '", field, "'", did_you_mean(field, names), "; there are: ",
           join(names, " ")));
}

const std::string& Document::string(std::string_view field) const {
  const Value& value = at(field);
  if (!value.is_string()) {
    fail(cat(where_, ": field '", field, "': expected a string, got ", value.type_name()));
  }
  return value.string();
}

}  // namespace evalharness
