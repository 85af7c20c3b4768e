// Options that every method with integer weights reads alike.
#pragma once

#include <cstddef>

#include "harness/base/config_node.h"

namespace evalharness {

size_t read_bits(const ConfigNode& options);   // `bits: 4`, 2 .. 8
size_t read_group(const ConfigNode& options);  // `group: 128`, inputs that share a scale; `group: row` is 0

}  // namespace evalharness
