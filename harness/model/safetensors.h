// Reader of safetensors files (a JSON header, then raw tensors), memory-mapped.
//
// Nothing in the file is believed: the header's length and every offset are checked against the
// file's size, and every shape against its offsets, before use.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/base/mapped_file.h"
#include "harness/math/matrix.h"

namespace evalharness {

struct SafeTensor {
  std::string dtype;          // "F32", "F16" and "BF16" can be read; others are listed only
  std::vector<size_t> shape;  // outermost first: [out, in]
  std::span<const std::byte> bytes;
};

// The tensors of one file; their bytes point into it. `path` names the file in errors.
std::map<std::string, SafeTensor> parse_safetensors(std::span<const std::byte> file,
                                                    const std::string& path);

// All files of a folder as one. Immutable after construction; reading from several threads is fine.
class SafetensorsFolder {
 public:
  // model.safetensors, else the files of model.safetensors.index.json, else every *.safetensors.
  explicit SafetensorsFolder(const std::string& folder);
  const std::map<std::string, SafeTensor>& tensors() const { return tensors_; }
  size_t file_bytes() const;
  // As float32, shape [out, in]; a vector is [1, n], dimensions above two are rows.
  Matrix read(const std::string& name) const;

 private:
  void add(const std::string& path);
  void check_index(const std::map<std::string, std::string>& file_of_tensor) const;

  std::string folder_;
  std::vector<MappedFile> files_;
  std::map<std::string, SafeTensor> tensors_;
  std::map<std::string, std::string> file_of_tensor_;
};

}  // namespace evalharness
