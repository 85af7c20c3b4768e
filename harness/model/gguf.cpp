#include "harness/model/gguf.h"

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/model/gguf_dequantise.h"
#include "harness/model/gguf_header.h"

namespace evalharness {
namespace {

const char* type_text(const GgufValue& value) {
  constexpr const char* kNames[] = {"an integer",         "an integer",       "a number",
                                    "a boolean",          "a string",         "a list of strings",
                                    "a list of integers", "a list of numbers"};
  return kNames[value.index()];
}

const GgufValue* find(const GgufFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? nullptr : &found->second;
}

[[noreturn]] void fail_type(const GgufFile& file, const std::string& key, const char* expected) {
  fail(cat(file.path(), ": key '", key, "': expected ", expected, ", got ",
           type_text(*find(file, key))));
}

// The value as a T, null where the key is missing; another type fails.
template <class T>
const T* find_as(const GgufFile& file, const std::string& key, const char* expected) {
  const GgufValue* const value = find(file, key);
  if (value == nullptr) return nullptr;
  if (!std::holds_alternative<T>(*value)) fail_type(file, key, expected);
  return &std::get<T>(*value);
}

// What `value` points to (or holds); fails where the key is missing.
template <class Found>
auto& present(const GgufFile& file, const std::string& key, const Found& value) {
  if (!value) fail(cat(file.path(), ": missing key '", key, "'"));
  return *value;
}

}  // namespace

GgufFile::GgufFile(const std::string& path) : file_(path) {
  GgufHeader header = parse_gguf_header(file_.bytes(), path);
  metadata_ = std::move(header.metadata);
  tensors_ = std::move(header.tensors);
}

std::optional<uint64_t> GgufFile::find_integer(const std::string& key) const {
  const GgufValue* const value = find(*this, key);
  if (value == nullptr) return std::nullopt;
  if (const auto* plain = std::get_if<uint64_t>(value)) return *plain;
  const auto* const with_sign = std::get_if<int64_t>(value);
  if (with_sign == nullptr) fail_type(*this, key, "an integer");
  if (*with_sign < 0)
    fail(cat(file_.path(), ": key '", key, "': expected an integer >= 0, got ", *with_sign));
  return static_cast<uint64_t>(*with_sign);
}

std::optional<double> GgufFile::find_number(const std::string& key) const {
  const GgufValue* const value = find(*this, key);
  if (value == nullptr) return std::nullopt;
  if (const auto* real = std::get_if<double>(value)) return *real;
  if (const auto* plain = std::get_if<uint64_t>(value)) return static_cast<double>(*plain);
  if (const auto* with_sign = std::get_if<int64_t>(value)) return static_cast<double>(*with_sign);
  fail_type(*this, key, "a number");
}

std::optional<bool> GgufFile::find_bool(const std::string& key) const {
  const bool* const value = find_as<bool>(*this, key, "a boolean");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::string* GgufFile::find_string(const std::string& key) const {
  return find_as<std::string>(*this, key, "a string");
}
const std::vector<std::string>* GgufFile::find_strings(const std::string& key) const {
  return find_as<std::vector<std::string>>(*this, key, "a list of strings");
}
const std::vector<int64_t>* GgufFile::find_integers(const std::string& key) const {
  return find_as<std::vector<int64_t>>(*this, key, "a list of integers");
}
const std::vector<double>* GgufFile::find_numbers(const std::string& key) const {
  return find_as<std::vector<double>>(*this, key, "a list of numbers");
}

uint64_t GgufFile::integer(const std::string& key) const {
  const std::optional<uint64_t> value = find_integer(key);
  return present(*this, key, value);
}
double GgufFile::number(const std::string& key) const {
  const std::optional<double> value = find_number(key);
  return present(*this, key, value);
}
const std::string& GgufFile::string(const std::string& key) const {
  return present(*this, key, find_string(key));
}
const std::vector<std::string>& GgufFile::strings(const std::string& key) const {
  return present(*this, key, find_strings(key));
}

const GgufTensor& GgufFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail(cat(file_.path(), ": no tensor '", name, "'"));
  return found->second;
}

Matrix GgufFile::read(const std::string& name) const {
  const GgufTensor& tensor = this->tensor(name);
  const GgufType& type = *find_gguf_type(tensor.type);
  const size_t cols = tensor.shape.back();
  const size_t row_bytes = cols / type.block_values * type.block_bytes;
  Matrix matrix(tensor.bytes.size() / row_bytes, cols);  // [out, in]
  parallel_for(matrix.rows(), [&](size_t i) {
    const std::byte* block = tensor.bytes.data() + i * row_bytes;
    const std::span<float> row = matrix.row(i);
    for (size_t j = 0; j < cols; j += type.block_values, block += type.block_bytes)
      type.dequantise(block, row.data() + j);
  });
  return matrix;
}

}  // namespace evalharness
