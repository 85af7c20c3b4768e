// A tiny random llama written as files, for tests of whatever opens a model. The same seed gives
// the same weights in a Hugging Face folder and in a GGUF file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/math/matrix.h"
#include "harness/model/model_config.h"

namespace evalharness {

struct TinyOptions {
  std::string architecture =
      "llama";  // or "qwen2": bias of q, k and v, rows of q and k as they are
  uint64_t seed = 0;
  // The tokenizer's 256 bytes, 5 merged tokens and <|endoftext|>.
  size_t vocab = 262;
  size_t hidden = 16, intermediate = 24, layers = 2, heads = 4, kv_heads = 2, head_dim = 4,
         context = 64;
  bool tied_head = false;
  size_t shards = 1;      // of the folder: with 2 or more, an index and that many files
  bool tokenizer = true;  // tokenizer.json beside the weights, or the same as keys of the GGUF file
};

ModelConfig tiny_config(const TinyOptions& options = {});
// Under Hugging Face's names: matrices [out, in], vectors [1, n].
std::map<std::string, Matrix> tiny_weights(const TinyOptions& options = {});

// config.json, generation_config.json, *.safetensors (F32) and tokenizer.json in `folder`, which is
// made.
void write_tiny_folder(const std::string& folder, const TinyOptions& options = {});
void write_tiny_gguf(const std::string& path, const TinyOptions& options = {});

// The tokens of the tokenizer: byte b is token b, spelt as byte-level BPE spells it; then th, the,
// Ġthe, in, Ġa (Ġ is a space); then the special token <|endoftext|>, 261.
std::vector<std::string> tiny_tokens();
std::vector<std::string> tiny_merges();  // "t h", ...: in order
std::string tiny_tokenizer_json();

// Bytes of a safetensors file. A tensor's bytes are given as they are to stand there.
struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<size_t> shape;
  std::string bytes;
};
std::string safetensors_bytes(const std::vector<SafetensorsEntry>& entries);

}  // namespace evalharness
