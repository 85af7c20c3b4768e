#include "harness/model/hugging_face_config.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/json_fields.h"
#include "harness/model/printable.h"

namespace evalharness {
namespace {

const Architecture& find_architecture(const JsonFields& fields) {
  const Architecture& architecture =
      architecture_of_hugging_face(fields.text("model_type"), fields.where());
  const Value* const classes = fields.find("architectures");
  if (classes == nullptr) return architecture;
  const Value expected = Value::List{std::string(architecture.hugging_face_class)};
  if (*classes != expected)
    fields.fail("architectures",
                cat("expected ", to_json(expected), ", got ", printable(to_json(*classes))));
  return architecture;
}

// What would change the numbers and is not computed here must not pass in silence.
void refuse_unsupported(const JsonFields& fields) {
  if (fields.find("quantization_config") != nullptr)
    fields.fail("quantization_config", "packed Hugging Face weights are not read");
  const std::string activation = fields.find_text("hidden_act").value_or("silu");
  if (activation != "silu")
    fields.fail("hidden_act",
                cat("'", printable(activation), "' is not supported; there are: silu"));
  if (fields.number("partial_rotary_factor", 1) != 1)
    fields.fail("partial_rotary_factor", "partial rotation is not supported");
}

void read_scaling(const JsonFields& scaling, RopeConfig& rope) {
  const std::string old_spelling = scaling.find_text("type").value_or("default");
  const std::string type = scaling.find_text("rope_type").value_or(old_spelling);
  if (type == "default") return;
  if (type != "linear" && type != "llama3")
    scaling.fail("rope_type",
                 cat("'", printable(type), "' is not supported; there are: default linear llama3"));
  rope.scaling = type;
  rope.factor = scaling.number("factor");
  if (type == "linear") return;
  rope.low_freq_factor = scaling.number("low_freq_factor");
  rope.high_freq_factor = scaling.number("high_freq_factor");
  rope.original_context = scaling.count("original_max_position_embeddings");
}

// transformers 5 writes all of it into rope_parameters; before, rope_theta stood beside
// rope_scaling.
void read_rope(const JsonFields& fields, RopeConfig& rope) {
  rope.theta = fields.number("rope_theta", rope.theta);
  for (const char* const key : {"rope_parameters", "rope_scaling"}) {
    const std::optional<JsonFields> scaling = fields.find_object(key);
    if (!scaling) continue;
    for (const char* const layer_type : {"full_attention", "sliding_attention"})
      if (scaling->find(layer_type) != nullptr)
        scaling->fail(layer_type, "rotation that differs between layers is not supported");
    if (scaling->number("partial_rotary_factor", 1) != 1)
      scaling->fail("partial_rotary_factor", "partial rotation is not supported");
    rope.theta = scaling->number("rope_theta", rope.theta);
    return read_scaling(*scaling, rope);
  }
}

void read_context(const JsonFields& fields, SlidingWindow rule, ModelConfig& config) {
  config.context = fields.count("max_position_embeddings");
  const bool windowed = rule == SlidingWindow::always || (rule == SlidingWindow::by_switch &&
                                                          fields.flag("use_sliding_window", false));
  if (windowed)
    config.context = std::min(config.context, fields.count("sliding_window", config.context));
}

void read_biases(const JsonFields& fields, AttentionBias rule, ModelConfig& config) {
  const bool asked = fields.flag("attention_bias", false);
  config.attention_bias =
      rule == AttentionBias::query_key_value || (rule == AttentionBias::by_config && asked);
  config.attention_output_bias = rule == AttentionBias::by_config && asked;
  config.mlp_bias = rule == AttentionBias::by_config && fields.flag("mlp_bias", false);
}

// An id, a list of ids, or nothing.
std::vector<int32_t> read_ids(const JsonFields& fields, const char* key) {
  const Value* const value = fields.find(key);
  if (value == nullptr) return {};
  std::vector<int32_t> ids;
  for (const Value& id : value->is_list() ? value->list() : Value::List{*value}) {
    if (!id.is_int() || id.integer() < -1 || id.integer() > INT32_MAX)
      fields.fail(key, "expected a token id or a list of token ids");
    ids.push_back(static_cast<int32_t>(id.integer()));
  }
  return ids;
}

int32_t first_id(const JsonFields& fields, const char* key) {
  const std::vector<int32_t> ids = read_ids(fields, key);
  return ids.empty() ? -1 : ids.front();
}

void read_tokens(const JsonFields& fields, const std::string& folder, ModelConfig& config) {
  config.bos = first_id(fields, "bos_token_id");
  config.eos = first_id(fields, "eos_token_id");
  config.pad = first_id(fields, "pad_token_id");
  std::vector<int32_t> ends = read_ids(fields, "eos_token_id");
  const std::string path = folder + "/generation_config.json";
  if (std::filesystem::exists(path)) {
    const Value generation = parse_json(read_text(path), path);
    const std::vector<int32_t> more = read_ids(JsonFields(generation, path), "eos_token_id");
    ends.insert(ends.end(), more.begin(), more.end());
  }
  std::set<int32_t> ids(ends.begin(), ends.end());
  ids.erase(-1);
  config.end_of_generation.assign(ids.begin(), ids.end());
}

void read_shape(const JsonFields& fields, ModelConfig& config) {
  config.vocab = fields.count("vocab_size");
  config.hidden = fields.count("hidden_size");
  config.intermediate = fields.count("intermediate_size");
  config.layers = fields.count("num_hidden_layers");
  config.heads = fields.count("num_attention_heads");
  config.kv_heads = fields.count("num_key_value_heads", config.heads);
  config.head_dim = fields.count("head_dim", config.heads == 0 ? 0 : config.hidden / config.heads);
  config.norm_epsilon = fields.number("rms_norm_eps", 1e-6);  // the original's default
  config.tied_head = fields.flag("tie_word_embeddings", false);
}

}  // namespace

HuggingFaceConfig config_of_folder(const std::string& folder) {
  const std::string path = folder + "/config.json";
  const Value json = parse_json(read_text(path), path);
  const JsonFields fields(json, path);
  const Architecture& architecture = find_architecture(fields);
  refuse_unsupported(fields);
  ModelConfig config;
  config.architecture = architecture.name;
  config.name = std::filesystem::path(folder + "/").parent_path().filename().string();
  read_shape(fields, config);
  read_context(fields, architecture.sliding_window, config);
  read_biases(fields, architecture.attention_bias, config);
  read_rope(fields, config.rope);
  config.rope.dims = config.head_dim;
  read_tokens(fields, folder, config);
  check_config(config, path);
  return {architecture, std::move(config)};
}

}  // namespace evalharness
