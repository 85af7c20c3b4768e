#include "harness/model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/math/bfloat16.h"
#include "harness/math/float16.h"
#include "harness/model/json_fields.h"
#include "harness/model/printable.h"

namespace evalharness {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kIndex = "model.safetensors.index.json";

// 0: a dtype that is listed but not read.
size_t value_bytes(const std::string& dtype) {
  if (dtype == "F32") return 4;
  return dtype == "F16" || dtype == "BF16" ? 2 : 0;
}

std::vector<size_t> read_counts(const JsonFields& fields, const char* key) {
  const Value* const value = fields.find(key);
  if (value == nullptr || !value->is_list()) fields.fail(key, "expected a list of integers");
  std::vector<size_t> counts;
  for (const Value& item : value->list()) {
    if (!item.is_int() || item.integer() < 0) fields.fail(key, "expected a list of integers >= 0");
    counts.push_back(static_cast<size_t>(item.integer()));
  }
  return counts;
}

// Whether `shape` takes exactly `bytes`: no product here can overflow.
bool fills(const std::vector<size_t>& shape, size_t each, size_t bytes) {
  size_t total = each;
  for (const size_t length : shape) {
    if (length == 0) return bytes == 0;
    if (total > bytes / length) return false;
    total *= length;
  }
  return total == bytes;
}

SafeTensor read_entry(const JsonFields& fields, std::span<const std::byte> data) {
  SafeTensor tensor{
      .dtype = fields.text("dtype"), .shape = read_counts(fields, "shape"), .bytes = {}};
  const std::vector<size_t> offsets = read_counts(fields, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size())
    fields.fail("data_offsets",
                cat("expected two offsets within the ", data.size(), " bytes of the file's data"));
  tensor.bytes = data.subspan(offsets[0], offsets[1] - offsets[0]);
  const size_t each = value_bytes(tensor.dtype);
  if (each != 0 && !fills(tensor.shape, each, tensor.bytes.size()))
    fields.fail("shape",
                cat("does not take the ", tensor.bytes.size(), " bytes between its offsets"));
  return tensor;
}

void check_overlap(const std::map<std::string, SafeTensor>& tensors, const std::string& path) {
  std::vector<std::pair<std::span<const std::byte>, const std::string*>> parts;
  for (const auto& [name, tensor] : tensors)
    if (!tensor.bytes.empty()) parts.emplace_back(tensor.bytes, &name);
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) { return a.first.data() < b.first.data(); });
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i].first.data() < parts[i - 1].first.data() + parts[i - 1].first.size())
      fail(cat(path, ": tensor '", printable(*parts[i].second), "' overlaps tensor '",
               printable(*parts[i - 1].second), "'"));
}

template <class Convert>
Matrix convert(const SafeTensor& tensor, size_t cols, Convert one) {
  const size_t each = value_bytes(tensor.dtype);
  Matrix matrix(tensor.bytes.size() / each / cols, cols);  // [out, in]
  parallel_for(matrix.rows(), [&](size_t i) {
    const std::byte* from = tensor.bytes.data() + i * cols * each;
    for (float& value : matrix.row(i)) {
      value = one(from);
      from += each;
    }
  });
  return matrix;
}

template <class T>
T load(const std::byte* from) {  // a header of odd length leaves the data unaligned
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// File of each tensor, as the index says.
std::map<std::string, std::string> read_index(const std::string& path) {
  const Value json = parse_json(read_text(path), path);
  const std::optional<JsonFields> weights = JsonFields(json, path).find_object("weight_map");
  if (!weights) fail(cat(path, ": missing key 'weight_map'"));
  std::map<std::string, std::string> file_of_tensor;
  for (const auto& [name, file] : json.find("weight_map")->map()) {
    if (!file.is_string() || file.string().empty() || file.string().find('/') != std::string::npos)
      weights->fail(name, "expected the name of a file in the same folder");
    file_of_tensor.emplace(name, file.string());
  }
  return file_of_tensor;
}

std::vector<std::string> files_of_folder(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors")
      names.push_back(entry.path().filename().string());
  if (names.empty()) fail(cat(folder, ": no *.safetensors file"));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::map<std::string, SafeTensor> parse_safetensors(std::span<const std::byte> file,
                                                    const std::string& path) {
  if (file.size() < kLengthBytes)
    fail(cat(path, ": truncated: expected at least 8 bytes, got ", file.size()));
  const auto header_bytes = load<uint64_t>(file.data());
  const std::span<const std::byte> rest = file.subspan(kLengthBytes);
  if (header_bytes > rest.size())
    fail(cat(path, ": a header of ", header_bytes, " bytes cannot fit in the ", rest.size(),
             " bytes that follow"));
  const std::span<const std::byte> header = rest.first(static_cast<size_t>(header_bytes));
  const Value json =
      parse_json({reinterpret_cast<const char*>(header.data()), header.size()}, path);
  if (!json.is_map()) fail(cat(path, ": expected a map as header, got ", json.type_name()));
  std::map<std::string, SafeTensor> tensors;
  for (const auto& [name, entry] : json.map()) {
    if (name == kMetadata) continue;
    const JsonFields fields(entry, cat(path, ": tensor '", printable(name), "'"));
    tensors.emplace(name, read_entry(fields, rest.subspan(header.size())));
  }
  check_overlap(tensors, path);
  return tensors;
}

SafetensorsFolder::SafetensorsFolder(const std::string& folder) : folder_(folder) {
  if (std::filesystem::exists(folder + "/model.safetensors")) {
    add("model.safetensors");
  } else if (std::filesystem::exists(folder + "/" + kIndex)) {
    const std::map<std::string, std::string> file_of_tensor = read_index(folder + "/" + kIndex);
    std::set<std::string> names;
    for (const auto& [tensor, file] : file_of_tensor) names.insert(file);
    for (const std::string& name : names) add(name);
    check_index(file_of_tensor);
  } else {
    for (const std::string& name : files_of_folder(folder)) add(name);
  }
}

void SafetensorsFolder::add(const std::string& name) {
  files_.emplace_back(folder_ + "/" + name);
  for (auto& [tensor, value] : parse_safetensors(files_.back().bytes(), files_.back().path())) {
    if (const auto [at, fresh] = file_of_tensor_.emplace(tensor, name); !fresh)
      fail(cat(files_.back().path(), ": tensor '", printable(tensor), "' is in ", at->second,
               " too"));
    tensors_.emplace(tensor, std::move(value));
  }
}

void SafetensorsFolder::check_index(
    const std::map<std::string, std::string>& file_of_tensor) const {
  for (const auto& [tensor, file] : file_of_tensor) {
    const auto found = file_of_tensor_.find(tensor);
    if (found == file_of_tensor_.end() || found->second != file)
      fail(cat(folder_, "/", kIndex, ": tensor '", printable(tensor), "' is not in ",
               printable(file)));
  }
}

size_t SafetensorsFolder::file_bytes() const {
  size_t bytes = 0;
  for (const MappedFile& file : files_) bytes += file.bytes().size();
  return bytes;
}

Matrix SafetensorsFolder::read(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail(cat(folder_, ": no tensor '", name, "'"));
  const SafeTensor& tensor = found->second;
  if (value_bytes(tensor.dtype) == 0)
    fail(cat(folder_, ": tensor '", printable(name), "': dtype '", printable(tensor.dtype),
             "' is not read here; there are: F32 F16 BF16"));
  const size_t cols = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (tensor.bytes.empty()) return Matrix(0, cols);
  if (tensor.dtype == "F32") return convert(tensor, cols, load<float>);
  if (tensor.dtype == "F16")
    return convert(tensor, cols,
                   [](const std::byte* from) { return from_float16(load<uint16_t>(from)); });
  return convert(tensor, cols,
                 [](const std::byte* from) { return from_bfloat16(load<uint16_t>(from)); });
}

}  // namespace evalharness
