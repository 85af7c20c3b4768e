// What was seen of the inputs X [tokens, in] of a layer over the whole calibration set.
#pragma once

#include <optional>
#include <vector>

#include "harness/math/linalg.h"
#include "harness/math/matrix.h"

namespace evalharness {

// What a method wants to know of a layer's inputs, and how the walk is to go. All false: the blocks are not run.
struct Needs {
  bool column_norms = false;
  bool column_means = false;  // and variances
  bool column_magnitudes = false;
  bool column_maxima = false;
  bool gram = false;
  size_t some_tokens = 512;  // that are kept themselves
  bool only_some = false;    // no more samples are run than hold some_tokens
  // Layers see what the blocks before theirs gave as they were, not compressed: one run of each block in place of two.
  // Not with true_sequential.
  bool uncompressed_inputs = false;
  // Layers of a block see what the compressed ones before them in the same block give: the inputs are
  // gathered again for q, k, v; then o; then gate, up; then down.
  bool true_sequential = false;

  bool any() const { return column_norms || column_means || column_magnitudes || column_maxima || gram || only_some; }
};

class Inputs {
 public:
  Inputs() = default;
  Inputs(Needs needs, size_t samples) : needs_(needs), samples_(samples) {}

  // Tokens arrive in the order of the set; each column is summed in that order.
  void add(MatrixView x);
  // After the last token.
  void finish();
  // The first token with an input that was not finite.
  const std::optional<size_t>& broken_token() const { return broken_token_; }

  size_t tokens() const { return tokens_; }
  size_t samples() const { return samples_; }
  // sqrt(sum over tokens of x_j^2 / samples) of each input j: [in]. The scale is Wanda's scaler_row.
  std::vector<float> column_norms() const;
  std::vector<double> column_means() const;      // over all tokens: [in]
  std::vector<double> column_variances() const;  // over all tokens, not the mean of the samples' variances: [in]
  std::vector<double> column_magnitudes() const;  // mean of |x_j| over all tokens: [in]
  const std::vector<float>& column_maxima() const;  // max |x_j| over all tokens: [in]
  // X^T X, both triangles: [in, in].
  const DoubleMatrix& gram() const { return gram_; }
  // The first tokens themselves, for methods and errors that need no more: [some tokens, in].
  const Matrix& some() const { return some_; }

 private:
  void keep_some(MatrixView x);
  void look_for_broken(MatrixView x);

  Needs needs_;
  size_t samples_ = 0, tokens_ = 0;
  std::optional<size_t> broken_token_;
  std::vector<double> sums_, squares_, magnitudes_;
  std::vector<float> maxima_;
  DoubleMatrix gram_;
  Matrix some_;
};

}  // namespace evalharness
