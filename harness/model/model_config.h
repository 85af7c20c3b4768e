// A decoder-only transformer as data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace evalharness {

struct RopeConfig {
  double theta = 10000;
  size_t dims = 0;  // rotated dims of a head; 0: all of head_dim
  // "none", "linear" (positions / factor), "llama3" (Hugging Face rope_type "llama3"), "dynamic"
  // and "yarn" are refused where the file is read until they are implemented.
  std::string scaling = "none";
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  size_t original_context = 0;                       // llama3
};

struct ModelConfig {
  std::string architecture;  // "llama"
  std::string name;
  size_t vocab = 0, hidden = 0, intermediate = 0, layers = 0;
  size_t heads = 0, kv_heads = 0, head_dim = 0;
  size_t context = 0;     // longest sequence the model was made for
  double norm_epsilon = 1e-5;
  RopeConfig rope;
  bool tied_head = false;
  bool attention_bias = false, mlp_bias = false;
  std::string activation = "silu";
  int32_t bos = -1, eos = -1, pad = -1;  // token ids, -1: none
  std::vector<int32_t> end_of_generation;  // eos and every other token that ends a generation
};

}  // namespace evalharness
