// A model as it comes from a file: its config, its tensors as float32 matrices under one set of
// names, and what its tokenizer is made of. GGUF and Hugging Face folders look alike from here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/math/matrix.h"
#include "harness/model/model_config.h"
#include "harness/ops/linear_op.h"

namespace evalharness {

// Names are those of Hugging Face's llama: "model.embed_tokens.weight",
// "model.layers.0.self_attn.q_proj.weight", "model.layers.0.input_layernorm.weight",
// "model.norm.weight", "lm_head.weight" (absent where tied). Rows of q and k are in Hugging Face's
// order (GGUF's permutation of llama models is undone).
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;
  virtual const ModelConfig& config() const = 0;
  // Whether the config calls for a tensor of that name (and so the file has it).
  virtual bool has(const std::string& name) const = 0;
  // Thread-safe.
  virtual Matrix read(const std::string& name) const = 0;  // [out, in]; a vector is [1, n]
  // The weight as the file holds it, where that is a format of ours (packed.h), else null.
  virtual LinearPtr stored(const std::string& /*name*/) const { return nullptr; }
  // Of the dense weights and the values in stored ones: a model of theirs has no other. None: any.
  virtual std::optional<Dtype> dtype() const { return std::nullopt; }
  // Gives back the memory of what was read of the file, which stays mapped; reading goes on as before.
  virtual void release() const {}
  virtual std::string path() const = 0;
  virtual size_t file_bytes() const = 0;
};

// A .gguf file, a folder with config.json and *.safetensors, a packed folder (packed.h), or
// "synthetic:NAME" (synthetic.h). Every tensor that the config calls for is there with the right
// shape when this returns, and no tensor that it has no place for; else one line names the file, the
// tensor and what was expected.
std::unique_ptr<Checkpoint> open_checkpoint(const std::string& path);

}  // namespace evalharness
