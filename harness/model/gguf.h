// Reader of GGUF v2 and v3 files (ggml's model format), memory-mapped.
//
// Nothing in the file is believed: counts, lengths, offsets and sizes are checked against the
// file's size before use, and a mistake is one line that names the file and the tensor or key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "harness/base/mapped_file.h"
#include "harness/math/matrix.h"

namespace evalharness {

// Lists of booleans and of integers of any width are int64_t; lists of lists are refused.
using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string,
                               std::vector<std::string>, std::vector<int64_t>, std::vector<double>>;

struct GgufTensor {
  std::string name;
  std::string type;           // "F32", "Q4_1", ...: one of gguf_types()
  std::vector<size_t> shape;  // outermost first: [out, in]; one to four dimensions, none is zero
  std::span<const std::byte> bytes;
};

// Immutable after construction; reading from several threads is fine.
class GgufFile {
 public:
  explicit GgufFile(const std::string& path);
  const std::string& path() const { return file_.path(); }
  size_t file_bytes() const { return file_.bytes().size(); }
  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  // Typed reads; fail with "model.gguf: missing key 'llama.block_count'" or
  // "model.gguf: key 'llama.block_count': expected an integer, got a string". The find_ ones
  // forgive a missing key only. The references live as long as this object.
  uint64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  const std::string& string(const std::string& key) const;
  const std::vector<std::string>& strings(const std::string& key) const;
  std::optional<uint64_t> find_integer(const std::string& key) const;
  std::optional<double> find_number(const std::string& key) const;
  std::optional<bool> find_bool(const std::string& key) const;
  const std::string* find_string(const std::string& key) const;
  const std::vector<std::string>* find_strings(const std::string& key) const;
  const std::vector<int64_t>* find_integers(const std::string& key) const;
  const std::vector<double>* find_numbers(const std::string& key) const;
  bool has(const std::string& key) const { return metadata_.contains(key); }

  const std::map<std::string, GgufTensor>& tensors() const { return tensors_; }
  bool has_tensor(const std::string& name) const { return tensors_.contains(name); }
  const GgufTensor& tensor(const std::string& name) const;  // fails where there is none
  // Dequantised to float32, shape [out, in]; a vector is [1, n], dimensions above two are rows.
  Matrix read(const std::string& name) const;
  void release() const { file_.release(); }  // the memory of what was read

 private:
  MappedFile file_;
  std::map<std::string, GgufValue> metadata_;
  std::map<std::string, GgufTensor> tensors_;
};

}  // namespace evalharness
