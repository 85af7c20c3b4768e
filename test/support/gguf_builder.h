// Writes small GGUF files for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/math/matrix.h"

namespace evalharness {

// Little-endian bytes as GGUF has them; a text is its length as 8 bytes, then itself.
class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    return raw({reinterpret_cast<const char*>(&value), sizeof value});
  }
  GgufBytes& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  GgufBytes& text(std::string_view text) { return number(uint64_t{text.size()}).raw(text); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class GgufBuilder {
 public:
  GgufBuilder& integer(const std::string& key, uint32_t value);
  GgufBuilder& number(const std::string& key, float value);
  GgufBuilder& boolean(const std::string& key, bool value);
  GgufBuilder& string(const std::string& key, const std::string& value);
  GgufBuilder& strings(const std::string& key, const std::vector<std::string>& values);
  GgufBuilder& integers(const std::string& key, const std::vector<int32_t>& values);
  // Any key: `type` is GGUF's number of the value's type.
  GgufBuilder& key(const std::string& key, uint32_t type, const std::string& value_bytes);
  // `shape` outermost first; `type` is ggml's number.
  GgufBuilder& tensor(const std::string& name, uint32_t type, const std::vector<size_t>& shape,
                      const std::string& bytes);
  GgufBuilder& matrix(const std::string& name, const Matrix& values);  // F32 [rows, cols]
  GgufBuilder& vector(const std::string& name, const Matrix& values);  // F32 [cols] of a single row
  std::string bytes(uint32_t version = 3) const;

 private:
  uint64_t keys_ = 0, tensors_ = 0;
  GgufBytes metadata_, entries_;
  std::string data_;
};

}  // namespace evalharness
