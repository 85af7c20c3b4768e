// Named tensors in a file in the safetensors form: how a weight is saved, and loaded back
// bit-equal.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/ops/linear_op.h"

namespace evalharness {

struct StoredTensor {
  std::string dtype;  // safetensors': "F32", "BF16", "U8", "I32", "U32", "I64"
  std::vector<size_t> shape;
  std::span<const std::byte> bytes;
};

// Where an op writes its parts ("values", "mask", ...); the op's format and sizes travel as
// metadata.
class TensorWriter {
 public:
  virtual ~TensorWriter() = default;
  virtual void put(const std::string& part, const StoredTensor& tensor) = 0;
};

// The parts of one weight.
class MemoryTensors final : public TensorWriter {
 public:
  void put(const std::string& part, const StoredTensor& tensor) override;  // copies
  // The bytes lie elsewhere (a mapped file) and outlive this.
  void borrow(const std::string& part, const StoredTensor& tensor);
  size_t bytes() const;  // sum over the parts
  const std::map<std::string, StoredTensor>& parts() const { return parts_; }

 private:
  std::map<std::string, StoredTensor> parts_;
  std::vector<std::vector<std::byte>> owned_;
};

// The op that wrote these parts under this format() with these sizes. Parts that do not fit the
// sizes fail with a line that names the part.
LinearPtr load_linear(const std::string& format, size_t out, size_t in, const MemoryTensors& parts);

}  // namespace evalharness
