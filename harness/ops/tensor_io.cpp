#include "harness/ops/tensor_io.h"

#include "harness/base/error.h"

namespace evalharness {

void MemoryTensors::put(const std::string& part, const StoredTensor& tensor) {
  const auto& copy = owned_.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
  borrow(part, {tensor.dtype, tensor.shape, copy});
}

void MemoryTensors::borrow(const std::string& part, const StoredTensor& tensor) {
  EH_ASSERT(parts_.emplace(part, tensor).second);
}

size_t MemoryTensors::bytes() const {
  size_t total = 0;
  for (const auto& [name, tensor] : parts_) total += tensor.bytes.size();
  return total;
}

}  // namespace evalharness
