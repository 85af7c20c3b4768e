// The bytes of a stored weight as values.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "harness/ops/linear_op.h"

namespace evalharness {

template <class T>
std::vector<T> stored(const MemoryTensors& parts, const std::string& part) {
  const auto bytes = parts.parts().at(part).bytes;
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <class T>
std::vector<T> stored(const LinearOp& op, const std::string& part) {
  MemoryTensors parts;
  op.save(parts);
  return stored<T>(parts, part);
}

}  // namespace evalharness
