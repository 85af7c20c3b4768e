#include "harness/model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
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

// 0: a dtype of another size than whole bytes, or one that is not known.
size_t value_bytes(const std::string& dtype) {
  static const std::map<std::string, size_t> bytes = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
      {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};
  const auto found = bytes.find(dtype);
  return found == bytes.end() ? 0 : found->second;
}

bool reads_as_float(const std::string& dtype) {
  return dtype == "F32" || dtype == "F16" || dtype == "BF16";
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

StoredTensor read_entry(const JsonFields& fields, std::span<const std::byte> data) {
  StoredTensor tensor{
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

void check_overlap(const std::map<std::string, StoredTensor>& tensors, const std::string& path) {
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
Matrix convert(const StoredTensor& tensor, size_t cols, Convert one) {
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

struct Header {
  Value json;  // a map
  std::span<const std::byte> data;
};

Header parse_header(std::span<const std::byte> file, const std::string& path) {
  if (file.size() < kLengthBytes)
    fail(cat(path, ": truncated: expected at least 8 bytes, got ", file.size()));
  const auto header_bytes = load<uint64_t>(file.data());
  const std::span<const std::byte> rest = file.subspan(kLengthBytes);
  if (header_bytes > rest.size())
    fail(cat(path, ": a header of ", header_bytes, " bytes cannot fit in the ", rest.size(),
             " bytes that follow"));
  const std::span<const std::byte> text = rest.first(static_cast<size_t>(header_bytes));
  Header header{
      .json = parse_json({reinterpret_cast<const char*>(text.data()), text.size()}, path),
      .data = rest.subspan(text.size())};
  if (!header.json.is_map())
    fail(cat(path, ": expected a map as header, got ", header.json.type_name()));
  return header;
}

// The header's entries as they are put, and where the data of the next one begins.
struct HeaderMaker {
  Value::Map entries;
  size_t end = 0;

  void add(const std::string& name, const StoredTensor& tensor) {
    Value entry, shape{Value::List{}}, offsets{Value::List{}};
    for (const size_t length : tensor.shape) shape.push(length);
    offsets.push(end);
    offsets.push(end += tensor.bytes.size());
    entry.set("dtype", tensor.dtype);
    entry.set("shape", std::move(shape));
    entry.set("data_offsets", std::move(offsets));
    entries.emplace_back(name, std::move(entry));
  }
  // The data begins at a cache line, as readers that map it like: the form allows spaces behind.
  std::string text() && {
    std::string json = to_json(Value(std::move(entries)));
    json.resize((kLengthBytes + json.size() + 63) / 64 * 64 - kLengthBytes, ' ');
    return json;
  }
};

void write_bytes(std::ofstream& to, std::span<const std::byte> bytes) {
  to.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

std::map<std::string, StoredTensor> parse_safetensors(std::span<const std::byte> file,
                                                      const std::string& path) {
  const Header header = parse_header(file, path);
  std::map<std::string, StoredTensor> tensors;
  for (const auto& [name, entry] : header.json.map()) {
    if (name == kMetadata) continue;
    const JsonFields fields(entry, cat(path, ": tensor '", printable(name), "'"));
    tensors.emplace(name, read_entry(fields, header.data));
  }
  check_overlap(tensors, path);
  return tensors;
}

std::map<std::string, std::string> safetensors_metadata(std::span<const std::byte> file,
                                                        const std::string& path) {
  const Header header = parse_header(file, path);
  std::map<std::string, std::string> metadata;
  const JsonFields fields(header.json, path);
  if (const std::optional<JsonFields> found = fields.find_object(kMetadata))
    for (const auto& [name, value] : header.json.find(kMetadata)->map())
      metadata.emplace(name, found->text(name));
  return metadata;
}

void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       const std::function<void(const PutTensor& put)>& produce) {
  HeaderMaker header;
  if (!metadata.empty()) {
    Value block;
    for (const auto& [name, text] : metadata) block.set(name, text);
    header.entries.emplace_back(kMetadata, std::move(block));
  }
  produce([&](const std::string& name, const StoredTensor& tensor) { header.add(name, tensor); });
  const std::string text = std::move(header).text();
  const uint64_t length = text.size();
  const std::string partial = path + ".part";
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  write_bytes(file, std::as_bytes(std::span(&length, 1)));
  write_bytes(file, std::as_bytes(std::span(text)));
  produce([&](const std::string&, const StoredTensor& tensor) { write_bytes(file, tensor.bytes); });
  file.close();
  if (file) std::filesystem::rename(partial, path);
  if (!file) fail(cat(path, ": cannot write: is the disk full?"));
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

void SafetensorsFolder::release() const {
  for (const MappedFile& file : files_) file.release();
}

size_t SafetensorsFolder::file_bytes() const {
  size_t bytes = 0;
  for (const MappedFile& file : files_) bytes += file.bytes().size();
  return bytes;
}

Matrix SafetensorsFolder::read(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail(cat(folder_, ": no tensor '", name, "'"));
  const StoredTensor& tensor = found->second;
  if (!reads_as_float(tensor.dtype))
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
