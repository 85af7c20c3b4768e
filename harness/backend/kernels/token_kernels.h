// What a transformer does besides its linear layers, one row at a time. The same
// source (token_kernels.inc) is compiled for each instruction set; token_kernels() picks at run time.
// Includes nothing that makes code: see token_kernels.inc.
// The plain references that they are tested against are in test/backend/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evalharness {

enum class Isa;  // harness/math/isa.h, which would bring in what token_kernels.inc must not have

// The online softmax of a row of scores: what its weights are relative to, and their sum so far.
struct SoftmaxState {
  float maximum = -__builtin_inff();
  float sum = 0;
};

// Scores of some rows become weights relative to a row's largest so far.
template <class T>
struct SoftmaxStep {
  const float* scores;   // [rows, n], `scores_stride` from row to row; n is a multiple of 32
  size_t scores_stride;
  size_t rows, n;
  const size_t* seen;    // [rows]; of row r the first seen[r] - first_score scores count, at least one
  size_t first_score;
  SoftmaxState* states;  // [rows]
  T* weights;            // [rows, n]: exp(score - maximum of the row), zero where a score does not count
  float* shrink;         // [rows]: by what all that a row summed with earlier weights shrinks
};

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
  void (*softmax_step)(const SoftmaxStep<float>& step);
  // The same in powers of two, for scores scaled by log2(e), within bfloat16's rounding.
  void (*softmax_step_bf16)(const SoftmaxStep<uint16_t>& step);
  // sums = shrink * sums + x; n is a multiple of 16.
  void (*shrink_add)(float* sums, float shrink, const float* x, size_t n);
  // Takes logits of ids first .. first+n-1 into the state.
  void (*head)(const float* logits, size_t n, int32_t first, HeadState* state);
};

const TokenKernels& token_kernels(Isa isa);

}  // namespace evalharness
