#include "harness/model/architectures.h"

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/printable.h"

namespace evalharness {
namespace {

size_t vocab(const ModelConfig& c) { return c.vocab; }
size_t hidden(const ModelConfig& c) { return c.hidden; }
size_t intermediate(const ModelConfig& c) { return c.intermediate; }
size_t query(const ModelConfig& c) { return c.heads * c.head_dim; }
size_t key_value(const ModelConfig& c) { return c.kv_heads * c.head_dim; }

bool separate_head(const ModelConfig& c) { return !c.tied_head; }
bool attention_bias(const ModelConfig& c) { return c.attention_bias; }
bool attention_output_bias(const ModelConfig& c) { return c.attention_output_bias; }
bool mlp_bias(const ModelConfig& c) { return c.mlp_bias; }

constexpr auto kQueryHeads = &ModelConfig::heads;
constexpr auto kKeyHeads = &ModelConfig::kv_heads;

// clang-format off
constexpr TensorRule kLlamaTensors[] = {
    {"token_embd.weight", "model.embed_tokens.weight", vocab, hidden, nullptr},
    {"output_norm.weight", "model.norm.weight", nullptr, hidden, nullptr},
    {"output.weight", "lm_head.weight", vocab, hidden, separate_head},
    {"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight", nullptr, hidden, nullptr},
    {"blk.{}.attn_q.weight", "model.layers.{}.self_attn.q_proj.weight", query, hidden, nullptr, kQueryHeads},
    {"blk.{}.attn_q.bias", "model.layers.{}.self_attn.q_proj.bias", nullptr, query, attention_bias, kQueryHeads},
    {"blk.{}.attn_k.weight", "model.layers.{}.self_attn.k_proj.weight", key_value, hidden, nullptr, kKeyHeads},
    {"blk.{}.attn_k.bias", "model.layers.{}.self_attn.k_proj.bias", nullptr, key_value, attention_bias, kKeyHeads},
    {"blk.{}.attn_v.weight", "model.layers.{}.self_attn.v_proj.weight", key_value, hidden, nullptr},
    {"blk.{}.attn_v.bias", "model.layers.{}.self_attn.v_proj.bias", nullptr, key_value, attention_bias},
    {"blk.{}.attn_output.weight", "model.layers.{}.self_attn.o_proj.weight", hidden, query, nullptr},
    {"blk.{}.attn_output.bias", "model.layers.{}.self_attn.o_proj.bias", nullptr, hidden, attention_output_bias},
    {"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight", nullptr, hidden, nullptr},
    {"blk.{}.ffn_gate.weight", "model.layers.{}.mlp.gate_proj.weight", intermediate, hidden, nullptr},
    {"blk.{}.ffn_gate.bias", "model.layers.{}.mlp.gate_proj.bias", nullptr, intermediate, mlp_bias},
    {"blk.{}.ffn_up.weight", "model.layers.{}.mlp.up_proj.weight", intermediate, hidden, nullptr},
    {"blk.{}.ffn_up.bias", "model.layers.{}.mlp.up_proj.bias", nullptr, intermediate, mlp_bias},
    {"blk.{}.ffn_down.weight", "model.layers.{}.mlp.down_proj.weight", hidden, intermediate, nullptr},
    {"blk.{}.ffn_down.bias", "model.layers.{}.mlp.down_proj.bias", nullptr, hidden, mlp_bias},
};

constexpr Architecture kArchitectures[] = {
    {.name = "llama", .gguf = "llama", .hugging_face_class = "LlamaForCausalLM", .tensors = kLlamaTensors,
     .interleaved_in_gguf = true, .attention_bias = AttentionBias::by_config,
     .sliding_window = SlidingWindow::ignored},
    // Its GGUF files call themselves llama.
    {.name = "mistral", .gguf = "llama", .hugging_face_class = "MistralForCausalLM", .tensors = kLlamaTensors,
     .interleaved_in_gguf = true, .attention_bias = AttentionBias::none,
     .sliding_window = SlidingWindow::always},
    {.name = "qwen2", .gguf = "qwen2", .hugging_face_class = "Qwen2ForCausalLM", .tensors = kLlamaTensors,
     .interleaved_in_gguf = false, .attention_bias = AttentionBias::query_key_value,
     .sliding_window = SlidingWindow::by_switch},
};
// clang-format on

const Architecture& find(std::string_view Architecture::*field, const std::string& value,
                         const std::string& where) {
  std::vector<std::string> names;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.*field == value) return architecture;
    if (names.empty() || names.back() != architecture.*field)
      names.emplace_back(architecture.*field);
  }
  fail(cat(where, ": architecture '", printable(value),
           "' is not supported; there are: ", join(names, " ")));
}

ExpectedTensor expand(const TensorRule& rule, const Architecture& architecture,
                      const ModelConfig& config, const std::string& block) {
  ExpectedTensor tensor{.gguf = replace_all(std::string(rule.gguf), "{}", block),
                        .hugging_face = replace_all(std::string(rule.hugging_face), "{}", block),
                        .shape = {rule.in(config)}};
  if (rule.out != nullptr) tensor.shape.insert(tensor.shape.begin(), rule.out(config));
  if (architecture.interleaved_in_gguf && rule.interleaved_heads != nullptr)
    tensor.interleaved_heads = config.*rule.interleaved_heads;
  return tensor;
}

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& architecture_of_gguf(const std::string& gguf, const std::string& where) {
  return find(&Architecture::gguf, gguf, where);
}

const Architecture& architecture_of_hugging_face(const std::string& model_type,
                                                 const std::string& where) {
  return find(&Architecture::name, model_type, where);
}

std::vector<ExpectedTensor> expected_tensors(const Architecture& architecture,
                                             const ModelConfig& config) {
  std::vector<ExpectedTensor> tensors;
  for (const TensorRule& rule : architecture.tensors) {
    if (rule.needed != nullptr && !rule.needed(config)) continue;
    const bool in_blocks = rule.gguf.find("{}") != std::string_view::npos;
    for (size_t block = 0; block < (in_blocks ? config.layers : 1); ++block)
      tensors.push_back(expand(rule, architecture, config, std::to_string(block)));
  }
  return tensors;
}

}  // namespace evalharness
