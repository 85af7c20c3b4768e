#include "harness/model/gguf_config.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/printable.h"

namespace evalharness {
namespace {

constexpr const char* kRopeFactors = "rope_freqs.weight";
constexpr int64_t kControlToken = 3;

// Control tokens of these names end a turn or a text in the chat formats of this family.
const std::set<std::string> kEndingTokens = {"<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>",
                                             "<|endoftext|>"};

// Keys under the architecture's prefix.
class Keys {
 public:
  Keys(const GgufFile& file, std::string_view architecture)
      : file_(file), prefix_(cat(architecture, ".")) {}
  size_t integer(const std::string& name) const { return file_.integer(prefix_ + name); }
  size_t integer(const std::string& name, size_t fallback) const {
    return file_.find_integer(prefix_ + name).value_or(fallback);
  }
  double number(const std::string& name) const { return file_.number(prefix_ + name); }
  double number(const std::string& name, double fallback) const {
    return file_.find_number(prefix_ + name).value_or(fallback);
  }
  const std::string* find_string(const std::string& name) const {
    return file_.find_string(prefix_ + name);
  }
  [[noreturn]] void fail(const std::string& name, const std::string& text) const {
    evalharness::fail(cat(file_.path(), ": key '", prefix_, name, "': ", text));
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

void read_head_dim(const Keys& keys, ModelConfig& config) {
  config.heads = keys.integer("attention.head_count");
  config.kv_heads = keys.integer("attention.head_count_kv", config.heads);
  const size_t even_share = config.heads == 0 ? 0 : config.hidden / config.heads;
  config.head_dim = keys.integer("attention.key_length", even_share);
  if (keys.integer("attention.value_length", config.head_dim) != config.head_dim)
    keys.fail("attention.value_length", cat("expected the key length, ", config.head_dim));
  if (keys.integer("rope.dimension_count", config.head_dim) != config.head_dim)
    keys.fail("rope.dimension_count", cat("expected the whole head, ", config.head_dim,
                                          ": partial rotation is not supported"));
}

// llama.cpp takes a scaling for linear where the type is not said, and no factor for 1.
void read_rope_scaling(const Keys& keys, RopeConfig& rope) {
  const std::string* const type = keys.find_string("rope.scaling.type");
  if (type != nullptr && *type != "none" && *type != "linear")
    keys.fail("rope.scaling.type",
              cat("'", printable(*type), "' is not supported; there are: none linear"));
  const double factor = keys.number("rope.scaling.factor", keys.number("rope.scale_linear", 1));
  if (factor == 0 || factor == 1 || (type != nullptr && *type == "none")) return;
  rope.scaling = "linear";
  rope.factor = factor;
}

// Llama 3.1's scaling, worked out by whoever made the file: a divisor for each frequency.
void read_rope_factors(const GgufFile& file, RopeConfig& rope) {
  if (!file.has_tensor(kRopeFactors)) return;
  if (rope.scaling != "none")
    fail(cat(file.path(), ": both rope scaling and tensor '", kRopeFactors, "'"));
  const Matrix factors = file.read(kRopeFactors);
  rope.scaling = "factors";
  rope.frequency_factors.assign(factors.values().begin(), factors.values().end());
}

size_t read_vocab(const GgufFile& file, const Keys& keys) {
  if (const auto* tokens = file.find_strings("tokenizer.ggml.tokens"))
    return keys.integer("vocab_size", tokens->size());
  return keys.integer("vocab_size");
}

int32_t read_token(const GgufFile& file, const std::string& name, size_t vocab) {
  const std::string key = cat("tokenizer.ggml.", name, "_token_id");
  const std::optional<uint64_t> id = file.find_integer(key);
  if (!id) return -1;
  if (*id >= vocab)
    fail(cat(file.path(), ": key '", key, "': expected a token below ", vocab, ", got ", *id));
  return static_cast<int32_t>(*id);
}

std::vector<int32_t> read_end_of_generation(const GgufFile& file, const ModelConfig& config) {
  std::set<int32_t> ids = {config.eos, read_token(file, "eot", config.vocab)};
  const auto* const tokens = file.find_strings("tokenizer.ggml.tokens");
  const auto* const types = file.find_integers("tokenizer.ggml.token_type");
  if (tokens != nullptr && types != nullptr)
    for (size_t i = 0; i < std::min({tokens->size(), types->size(), config.vocab}); ++i)
      if ((*types)[i] == kControlToken && kEndingTokens.contains((*tokens)[i]))
        ids.insert(static_cast<int32_t>(i));
  ids.erase(-1);
  return {ids.begin(), ids.end()};
}

void read_shape(const GgufFile& file, const Keys& keys, ModelConfig& config) {
  config.layers = keys.integer("block_count");
  config.hidden = keys.integer("embedding_length");
  config.intermediate = keys.integer("feed_forward_length");
  config.context = keys.integer("context_length");
  if (const size_t window = keys.integer("attention.sliding_window", 0); window > 0)
    config.context = std::min(config.context, window);
  if (keys.integer("expert_count", 0) > 0)
    keys.fail("expert_count", "mixtures of experts are not supported");
  config.vocab = read_vocab(file, keys);
  config.norm_epsilon = keys.number("attention.layer_norm_rms_epsilon");
  config.tied_head = !file.has_tensor("output.weight");
  config.attention_bias = file.has_tensor("blk.0.attn_q.bias");
  config.attention_output_bias = file.has_tensor("blk.0.attn_output.bias");
  config.mlp_bias = file.has_tensor("blk.0.ffn_up.bias");
}

}  // namespace

ModelConfig config_of_gguf(const GgufFile& file, const Architecture& architecture) {
  const Keys keys(file, architecture.gguf);
  ModelConfig config;
  config.architecture = architecture.name;
  const std::string* const name = file.find_string("general.name");
  config.name = name != nullptr ? *name : std::filesystem::path(file.path()).stem().string();
  read_shape(file, keys, config);
  read_head_dim(keys, config);
  config.rope.dims = config.head_dim;
  config.rope.theta = keys.number("rope.freq_base", 10000);
  read_rope_scaling(keys, config.rope);
  read_rope_factors(file, config.rope);
  check_config(config, file.path());  // the vocabulary's size, before ids are checked against it
  config.bos = read_token(file, "bos", config.vocab);
  config.eos = read_token(file, "eos", config.vocab);
  config.pad = read_token(file, "padding", config.vocab);
  config.end_of_generation = read_end_of_generation(file, config);
  return config;
}

}  // namespace evalharness
