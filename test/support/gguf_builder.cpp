#include "test/support/gguf_builder.h"

namespace evalharness {
namespace {

constexpr size_t kAlignment = 32;

std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment, '\0');
  return bytes;
}

std::string float_bytes(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

}  // namespace

GgufBuilder& GgufBuilder::key(const std::string& key, uint32_t type,
                              const std::string& value_bytes) {
  ++keys_;
  metadata_.text(key).number(type).raw(value_bytes);
  return *this;
}

GgufBuilder& GgufBuilder::integer(const std::string& key, uint32_t value) {
  return this->key(key, 4, GgufBytes().number(value).bytes());
}
GgufBuilder& GgufBuilder::number(const std::string& key, float value) {
  return this->key(key, 6, GgufBytes().number(value).bytes());
}
GgufBuilder& GgufBuilder::boolean(const std::string& key, bool value) {
  return this->key(key, 7, GgufBytes().number(static_cast<uint8_t>(value)).bytes());
}
GgufBuilder& GgufBuilder::string(const std::string& key, const std::string& value) {
  return this->key(key, 8, GgufBytes().text(value).bytes());
}
GgufBuilder& GgufBuilder::strings(const std::string& key, const std::vector<std::string>& values) {
  GgufBytes list;
  list.number(uint32_t{8}).number(uint64_t{values.size()});
  for (const std::string& value : values) list.text(value);
  return this->key(key, 9, list.bytes());
}
GgufBuilder& GgufBuilder::integers(const std::string& key, const std::vector<int32_t>& values) {
  GgufBytes list;
  list.number(uint32_t{5}).number(uint64_t{values.size()});
  for (const int32_t value : values) list.number(value);
  return this->key(key, 9, list.bytes());
}

GgufBuilder& GgufBuilder::tensor(const std::string& name, uint32_t type,
                                 const std::vector<size_t>& shape, const std::string& bytes) {
  ++tensors_;
  entries_.text(name).number(static_cast<uint32_t>(shape.size()));
  for (size_t i = shape.size(); i-- > 0;) entries_.number(uint64_t{shape[i]});
  entries_.number(type).number(uint64_t{data_.size()});
  data_ = padded(data_ + bytes);
  return *this;
}

GgufBuilder& GgufBuilder::matrix(const std::string& name, const Matrix& values) {
  return tensor(name, 0, {values.rows(), values.cols()}, float_bytes(values.values()));
}
GgufBuilder& GgufBuilder::vector(const std::string& name, const Matrix& values) {
  EH_ASSERT(values.rows() == 1);
  return tensor(name, 0, {values.cols()}, float_bytes(values.values()));
}

std::string GgufBuilder::bytes(uint32_t version) const {
  GgufBytes file;
  file.raw("GGUF")
      .number(version)
      .number(tensors_)
      .number(keys_)
      .raw(metadata_.bytes())
      .raw(entries_.bytes());
  return padded(file.bytes()) + data_;
}

}  // namespace evalharness
