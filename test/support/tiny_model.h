// A random llama of 2 blocks and dim 16, made in memory: what most tests of models run on.
#pragma once

#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/model/model.h"

namespace evalharness {

inline Matrix random_matrix(size_t rows, size_t cols, uint64_t seed, double scale = 1) {
  Rng rng(seed, "test.matrix");
  Matrix m(rows, cols);
  for (float& x : m.values()) x = static_cast<float>(scale * rng.normal());
  return m;
}

// Of (A - B) diag(scales).
inline double squared_distance(const Matrix& a, const Matrix& b, const std::vector<double>& scales = {}) {
  double sum = 0;
  for (size_t i = 0; i < a.rows(); ++i)
    for (size_t j = 0; j < a.cols(); ++j) {
      const double d = double(a(i, j) - b(i, j)) * (scales.empty() ? 1 : scales[j]);
      sum += d * d;
    }
  return sum;
}

struct TinyShape {
  size_t hidden = 16, intermediate = 32, kv_heads = 2;
  bool biases = false;  // of q, k and v, as Qwen2 has them
};

inline Model tiny_model(uint64_t seed, Dtype dtype, const TinyShape& shape) {
  Model model;
  model.dtype = dtype;
  ModelConfig& c = model.config;
  c.architecture = "llama";
  c.vocab = 64;
  c.hidden = shape.hidden;
  c.intermediate = shape.intermediate;
  c.layers = 2;
  c.heads = shape.hidden / 4;
  c.kv_heads = shape.kv_heads;
  c.head_dim = 4;
  c.context = 256;
  c.tied_head = true;
  model.embedding = make_dense(random_matrix(c.vocab, c.hidden, seed).view(), dtype);
  model.final_norm.assign(c.hidden, 1.0f);
  const size_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  const size_t outs[] = {q, kv, kv, c.hidden, c.intermediate, c.intermediate, c.hidden};
  const size_t ins[] = {c.hidden, c.hidden, c.hidden, q, c.hidden, c.hidden, c.intermediate};
  for (size_t b = 0; b < c.layers; ++b) {
    Block block;
    block.attention_norm.assign(c.hidden, 1.0f);
    block.mlp_norm.assign(c.hidden, 1.0f);
    for (const Linear linear : kLinears) {
      const auto i = static_cast<size_t>(linear);
      Slot& slot = block.slot(linear);
      slot.name = cat("model.layers.", b, ".", linear_name(linear));
      slot.op = make_dense(random_matrix(outs[i], ins[i], seed * 100 + b * 10 + i, 0.3).view(), dtype);
      if (!shape.biases || linear > Linear::v) continue;
      const Matrix bias = random_matrix(1, outs[i], seed * 100 + b * 10 + i + 7, 0.3);
      slot.bias.assign(bias.values().begin(), bias.values().end());
    }
    model.blocks.push_back(std::move(block));
  }
  return model;
}

inline Model tiny_model(uint64_t seed, Dtype dtype = Dtype::f32, size_t hidden = 16) {
  return tiny_model(seed, dtype, TinyShape{.hidden = hidden});
}

inline Matrix weight(const Model& model, size_t block, Linear linear) {
  return model.blocks[block].slot(linear).op->to_dense();
}

}  // namespace evalharness
