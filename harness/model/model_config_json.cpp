#include "harness/model/model_config_json.h"

#include <cstdint>

namespace evalharness {
namespace {

// Whole numbers of the config, by their keys: one list for both ways.
constexpr std::pair<const char*, size_t ModelConfig::*> kCounts[] = {
    {"vocab", &ModelConfig::vocab},       {"hidden", &ModelConfig::hidden},
    {"layers", &ModelConfig::layers},     {"intermediate", &ModelConfig::intermediate},
    {"heads", &ModelConfig::heads},       {"kv_heads", &ModelConfig::kv_heads},
    {"head_dim", &ModelConfig::head_dim}, {"context", &ModelConfig::context}};
constexpr std::pair<const char*, bool ModelConfig::*> kFlags[] = {
    {"tied_head", &ModelConfig::tied_head},
    {"attention_bias", &ModelConfig::attention_bias},
    {"attention_output_bias", &ModelConfig::attention_output_bias},
    {"mlp_bias", &ModelConfig::mlp_bias}};
constexpr std::pair<const char*, int32_t ModelConfig::*> kTokens[] = {
    {"bos", &ModelConfig::bos}, {"eos", &ModelConfig::eos}, {"pad", &ModelConfig::pad}};
constexpr std::pair<const char*, double RopeConfig::*> kRopeNumbers[] = {
    {"theta", &RopeConfig::theta},
    {"factor", &RopeConfig::factor},
    {"low_freq_factor", &RopeConfig::low_freq_factor},
    {"high_freq_factor", &RopeConfig::high_freq_factor}};

Value rope_value(const RopeConfig& rope) {
  Value value, factors{Value::List{}};
  value.set("scaling", rope.scaling);
  value.set("dims", rope.dims);
  value.set("original_context", rope.original_context);
  for (const auto& [key, member] : kRopeNumbers) value.set(key, rope.*member);
  for (const float factor : rope.frequency_factors) factors.push(static_cast<double>(factor));
  value.set("frequency_factors", std::move(factors));
  return value;
}

RopeConfig rope_from(const JsonFields& fields) {
  RopeConfig rope;
  rope.scaling = fields.text("scaling");
  rope.dims = fields.count("dims");
  rope.original_context = fields.count("original_context");
  for (const auto& [key, member] : kRopeNumbers) rope.*member = fields.number(key);
  for (const Value& factor : fields.list("frequency_factors")) {
    if (!factor.is_number()) fields.fail("frequency_factors", "expected a list of numbers");
    rope.frequency_factors.push_back(static_cast<float>(factor.number()));
  }
  return rope;
}

int32_t token_of(const Value& value, const char* key, const JsonFields& fields) {
  if (!value.is_int() || value.integer() < -1 || value.integer() > INT32_MAX)
    fields.fail(key, "expected a token id, or -1");
  return static_cast<int32_t>(value.integer());
}

}  // namespace

Value model_config_value(const ModelConfig& config) {
  Value value, ends{Value::List{}};
  value.set("architecture", config.architecture);
  value.set("name", config.name);
  value.set("activation", config.activation);
  for (const auto& [key, member] : kCounts) value.set(key, config.*member);
  value.set("norm_epsilon", config.norm_epsilon);
  value.set("rope", rope_value(config.rope));
  for (const auto& [key, member] : kFlags) value.set(key, config.*member);
  for (const auto& [key, member] : kTokens) value.set(key, config.*member);
  for (const int32_t id : config.end_of_generation) ends.push(id);
  value.set("end_of_generation", std::move(ends));
  return value;
}

ModelConfig model_config_from(const JsonFields& fields) {
  ModelConfig config;
  config.architecture = fields.text("architecture");
  config.name = fields.text("name");
  config.activation = fields.text("activation");
  for (const auto& [key, member] : kCounts) config.*member = fields.count(key);
  config.norm_epsilon = fields.number("norm_epsilon");
  config.rope = rope_from(fields.object("rope"));
  for (const auto& [key, member] : kFlags) config.*member = fields.flag(key);
  for (const auto& [key, member] : kTokens) config.*member = token_of(fields.at(key), key, fields);
  for (const Value& id : fields.list("end_of_generation"))
    config.end_of_generation.push_back(token_of(id, "end_of_generation", fields));
  check_config(config, fields.where());
  return config;
}

}  // namespace evalharness
