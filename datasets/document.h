// One row of a dataset, and where it came from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/value.h"

namespace evalharness {

class Document {
 public:
  Document() = default;
  Document(Value fields, std::string where)
      : fields_(std::move(fields)), where_(std::move(where)) {}
  static Document parse(std::string_view json, std::string where);

  // Fails with "piqa.jsonl:17: no field 'sol3'; there are: goal label sol1 sol2" (sorted); `asked_by`, the place that
  // names the field, stands behind the row's.
  const Value& at(std::string_view field, std::string_view asked_by = "") const;
  const std::string& string(std::string_view field) const;  // fails too if it is no string
  bool has(std::string_view field) const { return fields_.find(field) != nullptr; }
  const Value& fields() const { return fields_; }
  Value& fields() { return fields_; }
  const std::string& where() const { return where_; }  // "piqa.jsonl:17"

 private:
  Value fields_{Value::Map{}};
  std::string where_;
};

}  // namespace evalharness
