#include "test/support/tiny_files.h"

#include <cmath>
#include <filesystem>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "test/support/gguf_builder.h"

namespace evalharness {
namespace {

constexpr int32_t kEndOfText = 261;

Matrix random_matrix(const TinyOptions& options, const std::string& name, size_t rows, size_t cols,
                     double mean, double deviation) {
  Rng rng(options.seed, "test.tiny." + name);
  Matrix matrix(rows, cols);
  for (float& value : matrix.values()) value = static_cast<float>(mean + deviation * rng.normal());
  return matrix;
}

class Weights {
 public:
  explicit Weights(const TinyOptions& options) : options_(options) {}
  void matrix(const std::string& name, size_t out,
              size_t in) {  // keeps the size of what flows through
    add(name, random_matrix(options_, name, out, in, 0, 1 / std::sqrt(static_cast<double>(in))));
  }
  void norm(const std::string& name) {
    add(name, random_matrix(options_, name, 1, options_.hidden, 1, 0.1));
  }
  void bias(const std::string& name, size_t size) {
    add(name, random_matrix(options_, name, 1, size, 0, 0.1));
  }
  std::map<std::string, Matrix> take() { return std::move(weights_); }

 private:
  void add(const std::string& name, Matrix matrix) { weights_.emplace(name, std::move(matrix)); }
  const TinyOptions& options_;
  std::map<std::string, Matrix> weights_;
};

void add_block(Weights& weights, const TinyOptions& options, const std::string& prefix) {
  const size_t query = options.heads * options.head_dim,
               key_value = options.kv_heads * options.head_dim;
  weights.norm(prefix + "input_layernorm.weight");
  weights.norm(prefix + "post_attention_layernorm.weight");
  weights.matrix(prefix + "self_attn.q_proj.weight", query, options.hidden);
  weights.matrix(prefix + "self_attn.k_proj.weight", key_value, options.hidden);
  weights.matrix(prefix + "self_attn.v_proj.weight", key_value, options.hidden);
  weights.matrix(prefix + "self_attn.o_proj.weight", options.hidden, query);
  weights.matrix(prefix + "mlp.gate_proj.weight", options.intermediate, options.hidden);
  weights.matrix(prefix + "mlp.up_proj.weight", options.intermediate, options.hidden);
  weights.matrix(prefix + "mlp.down_proj.weight", options.hidden, options.intermediate);
  if (options.architecture != "qwen2") return;
  weights.bias(prefix + "self_attn.q_proj.bias", query);
  weights.bias(prefix + "self_attn.k_proj.bias", key_value);
  weights.bias(prefix + "self_attn.v_proj.bias", key_value);
}

bool is_vector(const std::string& name) {
  return name.ends_with("norm.weight") || name.ends_with(".bias");
}

SafetensorsEntry as_entry(const std::string& name, const Matrix& values) {
  const std::span<const float> floats = values.values();
  std::vector<size_t> shape = {values.cols()};
  if (!is_vector(name)) shape.insert(shape.begin(), values.rows());
  return {name, "F32", shape, {reinterpret_cast<const char*>(floats.data()), floats.size_bytes()}};
}

Value shape_value(const std::vector<size_t>& shape) {
  Value list{Value::List{}};
  for (const size_t length : shape) list.push(length);
  return list;
}

Value config_json(const TinyOptions& options) {
  const bool qwen2 = options.architecture == "qwen2";
  return Value::Map{{"architectures", Value::List{qwen2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
                    {"model_type", options.architecture},
                    {"vocab_size", options.vocab},
                    {"hidden_size", options.hidden},
                    {"intermediate_size", options.intermediate},
                    {"num_hidden_layers", options.layers},
                    {"num_attention_heads", options.heads},
                    {"num_key_value_heads", options.kv_heads},
                    {"head_dim", options.head_dim},
                    {"max_position_embeddings", options.context},
                    {"rms_norm_eps", 1e-5},
                    {"rope_theta", 10000.0},
                    {"hidden_act", "silu"},
                    {"tie_word_embeddings", options.tied_head},
                    {"eos_token_id", kEndOfText}};
}

void write_shards(const std::string& folder, const std::vector<SafetensorsEntry>& entries,
                  size_t shards) {
  Value index{Value::Map{}};
  for (size_t shard = 0; shard < shards; ++shard) {
    const std::string file = cat("model-", shard + 1, "-of-", shards, ".safetensors");
    std::vector<SafetensorsEntry> part;
    for (size_t i = shard; i < entries.size(); i += shards) {
      part.push_back(entries[i]);
      index.set(entries[i].name, file);
    }
    write_text(folder + "/" + file, safetensors_bytes(part));
  }
  write_text(folder + "/model.safetensors.index.json", to_json(Value::Map{{"weight_map", index}}));
}

std::string gguf_name(std::string name) {
  const std::pair<const char*, const char*> renames[] = {{"model.embed_tokens", "token_embd"},
                                                         {"model.norm", "output_norm"},
                                                         {"lm_head", "output"},
                                                         {"model.layers.", "blk."},
                                                         {"input_layernorm", "attn_norm"},
                                                         {"post_attention_layernorm", "ffn_norm"},
                                                         {"self_attn.q_proj", "attn_q"},
                                                         {"self_attn.k_proj", "attn_k"},
                                                         {"self_attn.v_proj", "attn_v"},
                                                         {"self_attn.o_proj", "attn_output"},
                                                         {"mlp.gate_proj", "ffn_gate"},
                                                         {"mlp.up_proj", "ffn_up"},
                                                         {"mlp.down_proj", "ffn_down"}};
  for (const auto& [from, to] : renames) name = replace_all(name, from, to);
  return name;
}

// Row `part * half + pair` of a head becomes its row `pair * 2 + part`, as llama.cpp's converter
// does it.
Matrix interleaved(const Matrix& from, size_t heads) {
  const size_t half = from.rows() / heads / 2;
  Matrix to(from.rows(), from.cols());
  for (size_t head = 0; head < heads; ++head)
    for (size_t part = 0; part < 2; ++part)
      for (size_t pair = 0; pair < half; ++pair)
        for (size_t j = 0; j < from.cols(); ++j)
          to((head * half + pair) * 2 + part, j) = from((head * 2 + part) * half + pair, j);
  return to;
}

void add_tokenizer(GgufBuilder& gguf) {
  const std::vector<std::string> tokens = tiny_tokens();
  std::vector<int32_t> types(tokens.size(), 1);
  types[kEndOfText] = 3;
  gguf.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "gpt-2");
  gguf.strings("tokenizer.ggml.tokens", tokens).integers("tokenizer.ggml.token_type", types);
  gguf.strings("tokenizer.ggml.merges", tiny_merges())
      .boolean("tokenizer.ggml.add_bos_token", false);
}

void add_keys(GgufBuilder& gguf, const TinyOptions& options) {
  const std::string prefix = options.architecture + ".";
  const std::pair<const char*, size_t> sizes[] = {{"vocab_size", options.vocab},
                                                  {"embedding_length", options.hidden},
                                                  {"feed_forward_length", options.intermediate},
                                                  {"block_count", options.layers},
                                                  {"attention.head_count", options.heads},
                                                  {"attention.head_count_kv", options.kv_heads},
                                                  {"attention.key_length", options.head_dim},
                                                  {"attention.value_length", options.head_dim},
                                                  {"rope.dimension_count", options.head_dim},
                                                  {"context_length", options.context}};
  gguf.string("general.architecture", options.architecture).string("general.name", "tiny");
  for (const auto& [key, size] : sizes) gguf.integer(prefix + key, static_cast<uint32_t>(size));
  gguf.number(prefix + "attention.layer_norm_rms_epsilon", 1e-5f)
      .number(prefix + "rope.freq_base", 10000);
  gguf.integer("tokenizer.ggml.eos_token_id", kEndOfText);
}

}  // namespace

ModelConfig tiny_config(const TinyOptions& options) {
  ModelConfig config;
  config.architecture = options.architecture;
  config.name = "tiny";
  config.vocab = options.vocab;
  config.hidden = options.hidden;
  config.intermediate = options.intermediate;
  config.layers = options.layers;
  config.heads = options.heads;
  config.kv_heads = options.kv_heads;
  config.head_dim = options.head_dim;
  config.context = options.context;
  config.rope.dims = options.head_dim;
  config.tied_head = options.tied_head;
  config.attention_bias = options.architecture == "qwen2";
  config.eos = kEndOfText;
  config.end_of_generation = {kEndOfText};
  return config;
}

std::map<std::string, Matrix> tiny_weights(const TinyOptions& options) {
  Weights weights(options);
  weights.matrix("model.embed_tokens.weight", options.vocab, options.hidden);
  weights.norm("model.norm.weight");
  if (!options.tied_head) weights.matrix("lm_head.weight", options.vocab, options.hidden);
  for (size_t i = 0; i < options.layers; ++i)
    add_block(weights, options, cat("model.layers.", i, "."));
  return weights.take();
}

void write_tiny_folder(const std::string& folder, const TinyOptions& options) {
  std::filesystem::create_directories(folder);
  write_text(folder + "/config.json", to_json(config_json(options), 2));
  write_text(folder + "/generation_config.json", to_json(Value::Map{{"eos_token_id", kEndOfText}}));
  if (options.tokenizer) write_text(folder + "/tokenizer.json", tiny_tokenizer_json());
  std::vector<SafetensorsEntry> entries;
  const std::map<std::string, Matrix> weights = tiny_weights(options);
  for (const auto& [name, values] : weights) entries.push_back(as_entry(name, values));
  if (options.shards > 1) return write_shards(folder, entries, options.shards);
  write_text(folder + "/model.safetensors", safetensors_bytes(entries));
}

void write_tiny_gguf(const std::string& path, const TinyOptions& options) {
  GgufBuilder gguf;
  add_keys(gguf, options);
  if (options.tokenizer) add_tokenizer(gguf);
  const std::map<std::string, Matrix> weights = tiny_weights(options);
  for (const auto& [name, values] : weights) {
    const bool permuted = options.architecture == "llama";
    if (is_vector(name))
      gguf.vector(gguf_name(name), values);
    else if (permuted && name.ends_with("q_proj.weight"))
      gguf.matrix(gguf_name(name), interleaved(values, options.heads));
    else if (permuted && name.ends_with("k_proj.weight"))
      gguf.matrix(gguf_name(name), interleaved(values, options.kv_heads));
    else
      gguf.matrix(gguf_name(name), values);
  }
  write_text(path, gguf.bytes());
}

std::vector<std::string> tiny_tokens() {
  std::vector<std::string> tokens;
  char32_t next_unused = 256;  // bytes that do not print stand for themselves above 255, in order
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    append_utf8(tokens.emplace_back(), prints ? byte : next_unused++);
  }
  tokens.insert(tokens.end(), {"th", "the", "Ġthe", "in", "Ġa", "<|endoftext|>"});
  return tokens;
}

std::vector<std::string> tiny_merges() { return {"t h", "th e", "Ġ the", "i n", "Ġ a"}; }

std::string tiny_tokenizer_json() {
  const std::vector<std::string> tokens = tiny_tokens();
  Value vocab{Value::Map{}}, merges{Value::List{}};
  for (size_t i = 0; i + 1 < tokens.size(); ++i) vocab.set(tokens[i], i);
  for (const std::string& merge : tiny_merges()) merges.push(merge);
  const Value added = Value::Map{
      {"id", kEndOfText}, {"content", tokens.back()}, {"single_word", false}, {"lstrip", false},
      {"rstrip", false},  {"normalized", false},      {"special", true}};
  const auto byte_level = [](bool use_regex) {
    return Value::Map{{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", use_regex}};
  };
  const Value model = Value::Map{{"type", "BPE"},
                                 {"dropout", nullptr},
                                 {"unk_token", nullptr},
                                 {"continuing_subword_prefix", nullptr},
                                 {"end_of_word_suffix", nullptr},
                                 {"fuse_unk", false},
                                 {"byte_fallback", false},
                                 {"ignore_merges", false},
                                 {"vocab", vocab},
                                 {"merges", merges}};
  return to_json(Value::Map{{"version", "1.0"},
                            {"truncation", nullptr},
                            {"padding", nullptr},
                            {"added_tokens", Value::List{added}},
                            {"normalizer", nullptr},
                            {"pre_tokenizer", byte_level(true)},
                            {"post_processor", nullptr},
                            {"decoder", byte_level(true)},
                            {"model", model}});
}

std::string safetensors_bytes(const std::vector<SafetensorsEntry>& entries) {
  Value header{Value::Map{{"__metadata__", Value::Map{{"format", "pt"}}}}};
  std::string data;
  for (const SafetensorsEntry& entry : entries) {
    const Value offsets = Value::List{data.size(), data.size() + entry.bytes.size()};
    header.set(entry.name, Value::Map{{"dtype", entry.dtype},
                                      {"shape", shape_value(entry.shape)},
                                      {"data_offsets", offsets}});
    data += entry.bytes;
  }
  const std::string text = to_json(header);
  return GgufBytes().number(uint64_t{text.size()}).raw(text).raw(data).bytes();
}

}  // namespace evalharness
