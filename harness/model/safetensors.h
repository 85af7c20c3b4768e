// Reader (memory-mapped) and writer of safetensors files: a JSON header, then raw tensors.
//
// Nothing in the file is believed: the header's length and every offset are checked against the
// file's size, and every shape against its offsets, before use.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/base/mapped_file.h"
#include "harness/math/matrix.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {

// The tensors of one file; their bytes point into it. `path` names the file in errors.
std::map<std::string, StoredTensor> parse_safetensors(std::span<const std::byte> file,
                                                      const std::string& path);
// The strings under the header's `__metadata__`.
std::map<std::string, std::string> safetensors_metadata(std::span<const std::byte> file,
                                                        const std::string& path);

using PutTensor = std::function<void(const std::string& name, const StoredTensor& tensor)>;
// Writes a file whose data is the tensors without a gap, and puts it in place when it is whole.
// `produce` is called twice, for the header and for the data, so that nothing is copied: it must put
// the same tensors in the same order both times.
void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       const std::function<void(const PutTensor& put)>& produce);

// All files of a folder as one. Immutable after construction; reading from several threads is fine.
class SafetensorsFolder {
 public:
  // model.safetensors, else the files of model.safetensors.index.json, else every *.safetensors.
  explicit SafetensorsFolder(const std::string& folder);
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  size_t file_bytes() const;
  // F32, F16 and BF16 as float32, shape [out, in]; a vector is [1, n], dimensions above two are rows.
  Matrix read(const std::string& name) const;
  void release() const;  // the memory of what was read

 private:
  void add(const std::string& path);
  void check_index(const std::map<std::string, std::string>& file_of_tensor) const;

  std::string folder_;
  std::vector<MappedFile> files_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> file_of_tensor_;
};

}  // namespace evalharness
