// The architectures that are read, as one table: another of this family is one more entry.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/model_config.h"

namespace evalharness {

// One tensor, or one a block where the names have "{}" for the block's number.
struct TensorRule {
  std::string_view gguf, hugging_face;
  size_t (*out)(const ModelConfig&);  // null: a vector of `in` values
  size_t (*in)(const ModelConfig&);
  bool (*needed)(const ModelConfig&);  // null: always
  // Heads whose rows are interleaved in GGUF where the architecture does that; null: never.
  size_t ModelConfig::*interleaved_heads = nullptr;
};

enum class AttentionBias { none, by_config, query_key_value };
// Whether config.json's sliding_window counts: never, always, or where use_sliding_window is true.
enum class SlidingWindow { ignored, always, by_switch };

struct Architecture {
  std::string_view name;                // config.json's model_type
  std::string_view gguf;                // general.architecture
  std::string_view hugging_face_class;  // config.json's architectures
  std::span<const TensorRule> tensors;
  // Rotary pairs are neighbours in GGUF and half a head apart here.
  bool interleaved_in_gguf;
  AttentionBias attention_bias;  // of config.json; in GGUF a bias is there or not
  SlidingWindow sliding_window;
};

std::span<const Architecture> architectures();
// The first entry of that name; fails with "<where>: architecture 'x' is not supported; there are:
// ...".
const Architecture& architecture_of_gguf(const std::string& gguf, const std::string& where);
const Architecture& architecture_of_hugging_face(const std::string& model_type,
                                                 const std::string& where);

// A tensor that a config calls for.
struct ExpectedTensor {
  std::string gguf, hugging_face;
  std::vector<size_t> shape;     // [out, in], or [n]
  size_t interleaved_heads = 0;  // in GGUF; 0: rows are in order
};
std::vector<ExpectedTensor> expected_tensors(const Architecture& architecture,
                                             const ModelConfig& config);

}  // namespace evalharness
