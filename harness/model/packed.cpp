#include "harness/model/packed.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/architectures.h"
#include "harness/model/model_config_json.h"
#include "harness/model/printable.h"
#include "harness/model/safetensors.h"
#include "harness/model/tensor_check.h"
#include "harness/ops/format_registry.h"

namespace evalharness {
namespace {

constexpr const char* kVersionKey = "evalharness_packed";
constexpr size_t kVersion = 2;  // 2: codes under a bitmask are strings of a word

std::string config_path(const std::string& folder) { return folder + "/config.json"; }
std::string weights_path(const std::string& folder) { return folder + "/model.safetensors"; }

// Parts of one weight go to the file under the weight's name.
class NamedParts final : public TensorWriter {
 public:
  NamedParts(const std::string& name, const PutTensor& to) : name_(name), to_(to) {}
  void put(const std::string& part, const StoredTensor& tensor) override {
    to_(cat(name_, "/", part), tensor);
  }

 private:
  const std::string& name_;
  const PutTensor& to_;
};

std::string metadata_block(const LinearOp& op) {
  Value block;
  block.set("format", op.format());
  block.set("out", op.out());
  block.set("in", op.in());
  return to_json(block);
}

void write_weights(const Model& model, const std::string& path) {
  std::map<std::string, std::string> metadata;
  visit_weights(
      model,
      [&](const std::string& name, const LinearOp& op) { metadata[name] = metadata_block(op); },
      [](const std::string&, std::span<const float>) {});
  write_safetensors(path, metadata, [&](const PutTensor& put) {
    visit_weights(
        model,
        [&](const std::string& name, const LinearOp& op) {
          NamedParts parts(name, put);
          op.save(parts);
        },
        [&](const std::string& name, std::span<const float> values) {
          put(name, {"F32", {values.size()}, std::as_bytes(values)});
        });
  });
}

Value read_config(const std::string& folder) {
  const std::string path = config_path(folder);
  Value json = parse_json(read_text(path), path);
  const size_t version = JsonFields(json, path).count(kVersionKey);
  if (version != kVersion)
    fail(cat(path, ": key '", kVersionKey, "': expected ", kVersion, ", got ", version,
             ": written by another version of this program"));
  return json;
}

Dtype read_dtype(const JsonFields& fields) {
  const std::string name = fields.text("dtype");
  if (name != "bf16" && name != "f32")
    fields.fail("dtype", cat("expected one of bf16, f32, got '", printable(name), "'"));
  return dtype_named(name);
}

struct WeightBlock {
  std::string format;
  size_t out, in;
};

class PackedCheckpoint final : public Checkpoint {
 public:
  explicit PackedCheckpoint(const std::string& folder)
      : folder_(folder),
        file_(weights_path(folder)),
        tensors_(parse_safetensors(file_.bytes(), file_.path())) {
    const Value json = read_config(folder);
    const JsonFields fields(json, config_path(folder));
    config_ = model_config_from(fields.object("model"));
    dtype_ = read_dtype(fields);
    read_blocks();
    check_tensors();
    const std::string sum = sha256_hex(file_.bytes());
    if (sum != fields.text("weights_sha256"))
      fail(cat(file_.path(), ": expected sha256 ", printable(fields.text("weights_sha256")),
               " (config.json), got ", sum, ": the file was changed since it was saved"));
  }

  const ModelConfig& config() const override { return config_; }
  bool has(const std::string& name) const override { return shapes_.contains(name); }
  std::string path() const override { return folder_; }
  size_t file_bytes() const override { return file_.bytes().size(); }
  std::optional<Dtype> dtype() const override { return dtype_; }

  Matrix read(const std::string& name) const override {
    if (const LinearPtr op = stored(name)) return op->to_dense();
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) fail(cat(file_.path(), ": no tensor '", name, "'"));
    Matrix vector(1, found->second.bytes.size() / sizeof(float));
    std::memcpy(vector.values().data(), found->second.bytes.data(), found->second.bytes.size());
    return vector;
  }

  void release() const override { file_.release(); }

  LinearPtr stored(const std::string& name) const override {
    const auto block = blocks_.find(name);
    if (block == blocks_.end()) return nullptr;
    const auto& [format, out, in] = block->second;
    MemoryTensors parts;
    const std::string prefix = name + "/";
    for (auto at = tensors_.lower_bound(prefix);
         at != tensors_.end() && at->first.starts_with(prefix); ++at)
      parts.borrow(at->first.substr(prefix.size()), at->second);
    try {
      LinearPtr op = load_linear(format, out, in, parts);
      if (op->format() != format) fail(cat("format '", format, "' is spelt ", op->format()));
      if (op->bytes() == parts.bytes()) return op;
      fail(cat(op->format(), ": expected ", op->bytes(), " bytes, got ", parts.bytes()));
    } catch (const Error& error) {  // which says what is wrong with the format, not where
      fail(cat(file_.path(), ": tensor '", name, "': ", error.what()));
    }
  }

 private:
  void read_blocks() {
    for (const auto& [name, text] : safetensors_metadata(file_.bytes(), file_.path())) {
      const std::string where = cat(file_.path(), ": metadata of '", printable(name), "'");
      const Value json = parse_json(text, where);
      const JsonFields fields(json, where);
      blocks_[name] = {fields.text("format"), fields.count("out"), fields.count("in")};
      if (std::ranges::any_of(blocks_[name].format, [](char c) { return c < ' ' || c > '~'; }))
        fields.fail("format", "expected printable ASCII");
      shapes_[name] = {blocks_[name].out, blocks_[name].in};
    }
    for (const auto& [name, tensor] : tensors_) {
      const size_t slash = name.find('/');
      const std::string place = cat(file_.path(), ": tensor '", printable(name), "'");
      if (slash != std::string::npos && !blocks_.contains(name.substr(0, slash)))
        fail(cat(place, ": no metadata for '", printable(name.substr(0, slash)), "'"));
      if (slash != std::string::npos) continue;
      if (tensor.dtype != "F32" || tensor.shape.size() != 1)
        fail(cat(place, ": expected a vector of F32, got ", tensor.shape.size(), " dimensions of ",
                 printable(tensor.dtype)));
      if (!shapes_.emplace(name, tensor.shape).second)
        fail(cat(place, ": both a vector and a weight in parts"));
    }
  }

  void check_tensors() const {
    TensorCheck check(file_.path(), config_, shapes_);
    const Architecture& architecture =
        architecture_of_hugging_face(config_.architecture, config_path(folder_));
    for (const ExpectedTensor& tensor : expected_tensors(architecture, config_))
      check.place(tensor.hugging_face, tensor.shape);
    check.finish([](const std::string&) { return false; });
  }

  std::string folder_;
  MappedFile file_;
  std::map<std::string, StoredTensor> tensors_;  // point into file_
  ModelConfig config_;
  Dtype dtype_ = Dtype::bf16;
  std::map<std::string, WeightBlock> blocks_;
  TensorShapes shapes_;  // of weights and of vectors
};

}  // namespace

void save_packed(const Model& model, const PackedSource& source, const std::string& folder) {
  write_weights(model, weights_path(folder));
  Value from, config;
  from.set("model", source.model);
  from.set("sha256", source.sha256);
  config.set(kVersionKey, kVersion);
  config.set("dtype", dtype_name(model.dtype));
  config.set("source", std::move(from));
  config.set("weights_sha256", sha256_of_file(weights_path(folder)));
  config.set("model", model_config_value(model.config));
  write_text(config_path(folder), to_json(config, 2) + "\n");
}

bool is_packed(const std::string& path) {
  if (!std::filesystem::exists(config_path(path))) return false;
  return parse_json(read_text(config_path(path)), config_path(path)).find(kVersionKey) != nullptr;
}

PackedSource packed_source(const std::string& folder) {
  const Value json = read_config(folder);
  const JsonFields source = JsonFields(json, config_path(folder)).object("source");
  return {source.text("model"), source.text("sha256")};
}

std::unique_ptr<Checkpoint> open_packed(const std::string& folder) {
  return std::make_unique<PackedCheckpoint>(folder);
}

}  // namespace evalharness
