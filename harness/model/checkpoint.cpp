#include "harness/model/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/gguf_config.h"
#include "harness/model/hugging_face_config.h"
#include "harness/model/packed.h"
#include "harness/model/safetensors.h"
#include "harness/model/synthetic.h"
#include "harness/model/tensor_check.h"

namespace evalharness {
namespace {

[[noreturn]] void fail_unknown(const Checkpoint& checkpoint, const std::string& name) {
  fail(cat(checkpoint.path(), ": no tensor '", name, "'"));
}

// Rows of a head come in pairs (0, half), (1, half + 1), ... in GGUF; here the first halves come
// first. A bias is a column of rows.
Matrix without_interleaving(const Matrix& from, size_t heads) {
  const bool is_vector = from.rows() == 1;
  const size_t rows = is_vector ? from.cols() : from.rows();
  const size_t width = from.size() / rows, head_rows = rows / heads, half = head_rows / 2;
  Matrix to(from.rows(), from.cols());
  for (size_t row = 0; row < rows; ++row) {
    const size_t in_head = row % head_rows;
    const size_t source = row - in_head + in_head % half * 2 + in_head / half;
    std::copy_n(from.values().data() + source * width, width, to.values().data() + row * width);
  }
  return to;
}

class GgufCheckpoint final : public Checkpoint {
 public:
  explicit GgufCheckpoint(const std::string& path) : file_(path) {
    const Architecture& architecture =
        architecture_of_gguf(file_.string("general.architecture"), path);
    config_ = config_of_gguf(file_, architecture);
    TensorShapes shapes;
    for (const auto& [name, tensor] : file_.tensors()) shapes.emplace(name, tensor.shape);
    TensorCheck check(file_.path(), config_, std::move(shapes));
    for (ExpectedTensor& tensor : expected_tensors(architecture, config_)) {
      check.place(tensor.gguf, tensor.shape);
      const std::string name = tensor.hugging_face;
      tensors_.emplace(name, std::move(tensor));
    }
    check.finish(
        [](const std::string& name) { return name == "rope_freqs.weight"; });  // part of the config
  }

  const ModelConfig& config() const override { return config_; }
  bool has(const std::string& name) const override { return tensors_.contains(name); }
  void release() const override { file_.release(); }
  std::string path() const override { return file_.path(); }
  size_t file_bytes() const override { return file_.file_bytes(); }
  Matrix read(const std::string& name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) fail_unknown(*this, name);
    Matrix values = file_.read(found->second.gguf);
    const size_t heads = found->second.interleaved_heads;
    return heads == 0 ? values : without_interleaving(values, heads);
  }

 private:
  GgufFile file_;
  ModelConfig config_;
  std::map<std::string, ExpectedTensor> tensors_;  // by their names in Hugging Face
};

class FolderCheckpoint final : public Checkpoint {
 public:
  explicit FolderCheckpoint(const std::string& path) : path_(path), tensors_(path) {
    HuggingFaceConfig read = config_of_folder(path);
    config_ = std::move(read.config);
    TensorShapes shapes;
    for (const auto& [name, tensor] : tensors_.tensors()) shapes.emplace(name, tensor.shape);
    TensorCheck check(path_, config_, std::move(shapes));
    for (const ExpectedTensor& tensor : expected_tensors(read.architecture, config_)) {
      check.place(tensor.hugging_face, tensor.shape);
      names_.insert(tensor.hugging_face);
    }
    // Old files keep the rotary frequencies, and a tied head may be written out: the original reads
    // neither.
    check.finish([this](const std::string& name) {
      return name.ends_with(".rotary_emb.inv_freq") ||
             (config_.tied_head && name == "lm_head.weight");
    });
  }

  const ModelConfig& config() const override { return config_; }
  bool has(const std::string& name) const override { return names_.contains(name); }
  void release() const override { tensors_.release(); }
  std::string path() const override { return path_; }
  size_t file_bytes() const override { return tensors_.file_bytes(); }
  Matrix read(const std::string& name) const override {
    if (!has(name)) fail_unknown(*this, name);
    return tensors_.read(name);
  }

 private:
  std::string path_;
  SafetensorsFolder tensors_;
  ModelConfig config_;
  std::set<std::string> names_;
};

}  // namespace

std::unique_ptr<Checkpoint> open_checkpoint(const std::string& path) {
  if (is_synthetic(path)) return make_synthetic_checkpoint(path);
  if (!std::filesystem::exists(path)) fail(cat(path, ": no such file or folder"));
  if (!std::filesystem::is_directory(path)) return std::make_unique<GgufCheckpoint>(path);
  if (!std::filesystem::exists(path + "/config.json"))
    fail(cat(path, ": expected a .gguf file or a folder with config.json and *.safetensors"));
  if (is_packed(path)) return open_packed(path);
  return std::make_unique<FolderCheckpoint>(path);
}

}  // namespace evalharness
