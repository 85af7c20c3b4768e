#include "harness/model/gguf_header.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/gguf_cursor.h"
#include "harness/model/gguf_dequantise.h"
#include "harness/model/printable.h"

namespace evalharness {
namespace {

constexpr uint64_t kDefaultAlignment = 32;
constexpr size_t kMaxDimensions = 4;
// The fewest bytes that a key (length, type, one byte) and a tensor (length, dimensions, one of
// them, type, offset) take, so that a count can be checked before anything is made for it.
constexpr size_t kFewestKeyBytes = 8 + 4 + 1;
constexpr size_t kFewestTensorBytes = 8 + 4 + 8 + 4 + 8;

enum class Kind : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};

// Bytes of one value of a kind; a string's are those of its length. 0: no such kind in a list.
size_t fewest_bytes(Kind kind) {
  switch (kind) {
    case Kind::kUint8:
    case Kind::kInt8:
    case Kind::kBool:
      return 1;
    case Kind::kUint16:
    case Kind::kInt16:
      return 2;
    case Kind::kUint32:
    case Kind::kInt32:
    case Kind::kFloat32:
      return 4;
    case Kind::kString:
    case Kind::kUint64:
    case Kind::kInt64:
    case Kind::kFloat64:
      return 8;
    case Kind::kArray:
      return 0;
  }
  return 0;
}

uint64_t unsigned_value(GgufCursor& cursor, Kind kind) {
  if (kind == Kind::kUint8) return cursor.number<uint8_t>();
  if (kind == Kind::kUint16) return cursor.number<uint16_t>();
  if (kind == Kind::kUint32) return cursor.number<uint32_t>();
  return cursor.number<uint64_t>();
}

int64_t signed_value(GgufCursor& cursor, Kind kind) {
  if (kind == Kind::kInt8) return cursor.number<int8_t>();
  if (kind == Kind::kInt16) return cursor.number<int16_t>();
  if (kind == Kind::kInt32) return cursor.number<int32_t>();
  return cursor.number<int64_t>();
}

double float_value(GgufCursor& cursor, Kind kind) {
  if (kind == Kind::kFloat32) return static_cast<double>(cursor.number<float>());
  return cursor.number<double>();
}

int64_t list_integer(GgufCursor& cursor, Kind kind) {
  if (kind == Kind::kInt8 || kind == Kind::kInt16 || kind == Kind::kInt32 || kind == Kind::kInt64)
    return signed_value(cursor, kind);
  const uint64_t value =
      kind == Kind::kBool ? cursor.number<uint8_t>() : unsigned_value(cursor, kind);
  if (value > static_cast<uint64_t>(INT64_MAX)) cursor.fail(cat("integer out of range: ", value));
  return static_cast<int64_t>(value);
}

Kind read_kind(GgufCursor& cursor) {
  const auto kind = cursor.number<uint32_t>();
  if (kind > static_cast<uint32_t>(Kind::kFloat64)) cursor.fail(cat("no such value type: ", kind));
  return static_cast<Kind>(kind);
}

template <class T, class ReadOne>
std::vector<T> read_items(size_t count, ReadOne read_one) {
  std::vector<T> items;
  items.reserve(count);
  for (size_t i = 0; i < count; ++i) items.push_back(read_one());
  return items;
}

GgufValue read_list(GgufCursor& cursor) {
  const Kind kind = read_kind(cursor);
  const size_t fewest = fewest_bytes(kind);
  if (fewest == 0) cursor.fail("a list of lists is not supported");
  const size_t count = cursor.count("items", fewest);
  if (kind == Kind::kString) return read_items<std::string>(count, [&] { return cursor.string(); });
  if (kind == Kind::kFloat32 || kind == Kind::kFloat64)
    return read_items<double>(count, [&] { return float_value(cursor, kind); });
  return read_items<int64_t>(count, [&] { return list_integer(cursor, kind); });
}

GgufValue read_value(GgufCursor& cursor) {
  const Kind kind = read_kind(cursor);
  switch (kind) {
    case Kind::kUint8:
    case Kind::kUint16:
    case Kind::kUint32:
    case Kind::kUint64:
      return unsigned_value(cursor, kind);
    case Kind::kInt8:
    case Kind::kInt16:
    case Kind::kInt32:
    case Kind::kInt64:
      return signed_value(cursor, kind);
    case Kind::kFloat32:
    case Kind::kFloat64:
      return float_value(cursor, kind);
    case Kind::kBool:
      return cursor.number<uint8_t>() != 0;
    case Kind::kString:
      return cursor.string();
    case Kind::kArray:
      return read_list(cursor);
  }
  cursor.fail("no such value type");
}

std::map<std::string, GgufValue> read_metadata(GgufCursor& cursor, size_t count) {
  std::map<std::string, GgufValue> metadata;
  for (size_t i = 0; i < count; ++i) {
    cursor.reading(cat("key ", i + 1, " of ", count, ": "));
    const std::string key = cursor.string();
    cursor.reading(cat("key '", printable(key), "': "));
    if (!metadata.emplace(key, read_value(cursor)).second) cursor.fail("twice in the file");
  }
  cursor.reading("");
  return metadata;
}

struct Entry {
  GgufTensor tensor;
  const GgufType* type;
  uint64_t offset;  // from the start of the data
};

std::vector<size_t> read_shape(GgufCursor& cursor) {
  const auto dimensions = cursor.number<uint32_t>();
  if (dimensions < 1 || dimensions > kMaxDimensions)
    cursor.fail(cat("expected 1 to ", kMaxDimensions, " dimensions, got ", dimensions));
  std::vector<size_t> shape(dimensions);
  for (size_t& length : shape) length = cursor.number<uint64_t>();
  std::reverse(shape.begin(), shape.end());  // the file has the innermost first
  return shape;
}

const GgufType* read_type(GgufCursor& cursor) {
  const auto id = cursor.number<uint32_t>();
  const GgufType* const type = find_gguf_type(id);
  if (type == nullptr) {
    std::vector<std::string> names;
    for (const GgufType& known : gguf_types()) names.emplace_back(known.name);
    cursor.fail(cat("ggml type ", id, " is not read here; there are: ", join(names, " ")));
  }
  return type;
}

Entry read_entry(GgufCursor& cursor) {
  Entry entry;
  entry.tensor.name = cursor.string();
  cursor.reading(cat("tensor '", printable(entry.tensor.name), "': "));
  entry.tensor.shape = read_shape(cursor);
  entry.type = read_type(cursor);
  entry.tensor.type = entry.type->name;
  entry.offset = cursor.number<uint64_t>();
  return entry;
}

// Bytes of the tensor, or a failure where they are more than `available`: no product here can
// overflow.
size_t tensor_bytes(const GgufCursor& cursor, const Entry& entry, size_t available) {
  const std::vector<size_t>& shape = entry.tensor.shape;
  for (const size_t length : shape)
    if (length == 0) cursor.fail("a dimension is zero");
  if (shape.back() % entry.type->block_values != 0)
    cursor.fail(cat("rows of ", shape.back(), " values do not divide into blocks of ",
                    entry.type->block_values, " (", entry.tensor.type, ")"));
  size_t blocks = shape.back() / entry.type->block_values;
  const size_t most = available / entry.type->block_bytes;
  for (size_t i = 0; i + 1 < shape.size() && blocks <= most; ++i)
    blocks = shape[i] > most / blocks ? most + 1 : blocks * shape[i];
  if (blocks > most)
    cursor.fail(cat("ends past the end of the file (", available, " bytes from its start)"));
  return blocks * entry.type->block_bytes;
}

// Entries in the order of their data must not overlap.
void check_overlap(const GgufCursor& cursor, std::vector<Entry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < entries.size(); ++i)
    if (entries[i].offset - entries[i - 1].offset < entries[i - 1].tensor.bytes.size())
      cursor.fail(cat("tensor '", printable(entries[i].tensor.name), "' overlaps tensor '",
                      printable(entries[i - 1].tensor.name), "'"));
}

std::map<std::string, GgufTensor> read_tensors(GgufCursor& cursor, size_t count, uint64_t alignment,
                                               std::span<const std::byte> file) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < count; ++i) {
    cursor.reading(cat("tensor ", i + 1, " of ", count, ": "));
    entries.push_back(read_entry(cursor));
  }
  const uint64_t start = (cursor.position() + alignment - 1) / alignment * alignment;
  const uint64_t data_bytes = start < file.size() ? file.size() - start : 0;
  for (Entry& entry : entries) {
    cursor.reading(cat("tensor '", printable(entry.tensor.name), "': "));
    if (entry.offset % alignment != 0)
      cursor.fail(cat("offset ", entry.offset, " is not a multiple of ", alignment));
    if (entry.offset > data_bytes)
      cursor.fail(cat("starts past the end of the file (offset ", entry.offset, ")"));
    const size_t bytes =
        tensor_bytes(cursor, entry, static_cast<size_t>(data_bytes - entry.offset));
    entry.tensor.bytes = file.subspan(static_cast<size_t>(start + entry.offset), bytes);
  }
  cursor.reading("");
  check_overlap(cursor, entries);
  std::map<std::string, GgufTensor> tensors;
  for (Entry& entry : entries) {
    const std::string name = entry.tensor.name;
    if (!tensors.emplace(name, std::move(entry.tensor)).second)
      cursor.fail(cat("tensor '", printable(name), "': twice in the file"));
  }
  return tensors;
}

void check_magic(GgufCursor& cursor) {
  if (cursor.left() < 8 || std::memcmp(cursor.take(4).data(), "GGUF", 4) != 0)
    cursor.fail("not a GGUF file");
  const auto version = cursor.number<uint32_t>();
  if (version != 0 && (version & 0xffffu) == 0) cursor.fail("big-endian GGUF is not supported");
  if (version != 2 && version != 3) cursor.fail(cat("expected GGUF version 2 or 3, got ", version));
}

uint64_t alignment_of(const GgufCursor& cursor, const std::map<std::string, GgufValue>& metadata) {
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end()) return kDefaultAlignment;
  const auto* const alignment = std::get_if<uint64_t>(&found->second);
  if (alignment == nullptr || !std::has_single_bit(*alignment) || *alignment > UINT32_MAX)
    cursor.fail("key 'general.alignment': expected a power of two below 2^32");
  return *alignment;
}

}  // namespace

GgufHeader parse_gguf_header(std::span<const std::byte> file, const std::string& path) {
  GgufCursor cursor(path, file);
  check_magic(cursor);
  const size_t tensors = cursor.count("tensors", kFewestTensorBytes);
  const size_t keys = cursor.count("keys", kFewestKeyBytes);
  GgufHeader header;
  header.metadata = read_metadata(cursor, keys);
  header.tensors = read_tensors(cursor, tensors, alignment_of(cursor, header.metadata), file);
  return header;
}

std::string gguf_keys_only(const std::string& path) {
  const MappedFile file(path);
  GgufCursor cursor(path, file.bytes());
  check_magic(cursor);
  const size_t before_count = cursor.position();
  cursor.count("tensors", kFewestTensorBytes);
  read_metadata(cursor, cursor.count("keys", kFewestKeyBytes));
  std::string keys(reinterpret_cast<const char*>(file.bytes().data()), cursor.position());
  std::fill_n(keys.begin() + static_cast<ptrdiff_t>(before_count), sizeof(uint64_t), '\0');
  return keys;
}

}  // namespace evalharness
