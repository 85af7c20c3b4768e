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
  // Frequency i is theta^(-2i/dims), then: "none"; "linear" (divided by factor); "llama3" (Hugging
  // Face rope_type "llama3"); "factors" (divided by frequency_factors[i]). "dynamic", "yarn" and
  // "longrope" are refused where the file is read until they are implemented.
  std::string scaling = "none";
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  size_t original_context = 0;                       // llama3
  std::vector<float> frequency_factors;  // factors: [dims / 2], a GGUF's rope_freqs.weight
};

struct ModelConfig {
  std::string architecture;  // "llama"
  std::string name;
  size_t vocab = 0, hidden = 0, intermediate = 0, layers = 0;
  size_t heads = 0, kv_heads = 0, head_dim = 0;
  // Longest sequence the model was made for; at most its sliding window, within which windowed
  // attention and full attention are the same.
  size_t context = 0;
  double norm_epsilon = 1e-5;
  RopeConfig rope;
  bool tied_head = false;
  bool attention_bias = false;         // of q, k and v
  bool attention_output_bias = false;  // of o
  bool mlp_bias = false;               // of gate, up and down
  std::string activation = "silu";
  int32_t bos = -1, eos = -1, pad = -1;  // token ids, -1: none
  // eos and every other token that ends a generation, ascending. Published scores stop at eos only.
  std::vector<int32_t> end_of_generation;
};

// Fails with "<where>: ..." unless sizes are positive and below 2^31, heads divide, ids are in the
// vocabulary and numbers are finite: what is built from a checked config needs no further check.
void check_config(const ModelConfig& config, const std::string& where);

}  // namespace evalharness
