// A validator for the part of JSON Schema (draft 2020-12) that reports/record.schema.json uses:
// type, properties, required, additionalProperties, items, enum, minimum, maximum, pattern, $ref to
// $defs.
#pragma once

#include <string>
#include <vector>

#include "harness/base/value.h"

namespace evalharness {

// One line for each thing that does not fit: "variants[0].size: missing 'disk_bytes'". A keyword of
// the schema that this validator does not know is an error too: nothing passes unchecked.
std::vector<std::string> schema_errors(const Value& schema, const Value& document);

}  // namespace evalharness
