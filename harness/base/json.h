// JSON text to Value and back (nlohmann/json underneath).
#pragma once

#include <string>
#include <string_view>

#include "harness/base/value.h"

namespace evalharness {

// `where` names the source in errors: "piqa.jsonl:17". Duplicate keys: the last one wins.
Value parse_json(std::string_view text, const std::string& where);
// Compact where indent < 0. Doubles print as the shortest text that reads back equal; a double that
// is not finite is our mistake (EH_ASSERT): records carry null and a reason instead.
// Text that is not valid UTF-8 is written with U+FFFD in place of the bad bytes.
std::string to_json(const Value& value, int indent = -1);

}  // namespace evalharness
