// What a transformer does besides its linear layers, one row or one tile at a time, in float32. The same
// source (token_kernels.inc) is compiled for each instruction set; token_kernels() picks at run time.
// The plain references that they are tested against are in test/backend/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/backend/bound_linear.h"

namespace evalharness {

// Keys of one block of the cache lie side by side: K is [block][head_dim][kKeyBlock], V is [key][head_dim].
inline constexpr size_t kKeyBlock = 64;
// head_dim in the cache is padded with zeros to a multiple of this.
inline constexpr size_t kDimBlock = 16;

// A tile of queries of one key-value head against all keys that they may see.
struct AttentionTile {
  const float* q;      // [rows, dim], scaled by 1 / sqrt(head_dim); zeros in the padding
  size_t rows, dim;    // dim: padded head_dim
  const float* k;      // [blocks][dim][kKeyBlock]
  const float* v;      // [keys][dim]
  const size_t* keys;  // [rows]: row r sees keys 0 .. keys[r]-1, at least one; not decreasing
  float* out;          // [rows, dim]
  float* scratch;      // attention_scratch(rows) floats
};
size_t attention_scratch(size_t rows);

// Running log-sum-exp and the best logit of one row of the head, over slices of the vocabulary.
struct HeadState {
  float maximum;   // of the logits so far
  double sum;      // of exp(logit - maximum)
  int32_t best;    // id of the maximum; the lowest on ties
};

struct TokenKernels {
  // y = x / sqrt(mean(x^2) + epsilon) * weight
  void (*rms_norm)(const float* x, const float* weight, float epsilon, size_t n, float* y);
  // gate = silu(gate) * up
  void (*silu_gate)(float* gate, const float* up, size_t n);
  void (*add)(float* x, const float* y, size_t n);
  // Rotates pairs (j, j + half) of each head, Hugging Face's order.
  void (*rope)(float* x, size_t heads, size_t head_dim, size_t half, const float* cosines, const float* sines);
  void (*attention)(const AttentionTile& tile);
  // Takes logits of ids first .. first+n-1 into the state.
  void (*head)(const float* logits, size_t n, int32_t first, HeadState* state);
};

const TokenKernels& token_kernels(Isa isa);

}  // namespace evalharness
