#include "methods/rounding.h"

#include "harness/base/text.h"

namespace evalharness {

size_t read_bits(const ConfigNode& options) {
  const size_t bits = options.get("bits", size_t{4});
  if (bits < 2 || bits > 8) options.fail_at("bits", cat("expected 2..8, got ", bits));
  return bits;
}

size_t read_group(const ConfigNode& options) {
  const auto group = options.find("group");
  if (group && group->as_string() == "row") return 0;
  const size_t inputs = options.get("group", size_t{128});
  if (inputs == 0 || inputs % 16 != 0)
    options.fail_at("group", cat("expected a multiple of 16, or row, got ", inputs));
  return inputs;
}

}  // namespace evalharness
