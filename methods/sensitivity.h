// How much a model's loss on calibration text depends on the weights of each block: measured by forward passes only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/base/config_node.h"
#include "harness/calib/calibration.h"
#include "methods/sample_run.h"

namespace evalharness {

// Loss of a model on some samples while the weights of one block after the other are changed and put back: what lies
// before the block is computed once.
class BlockwiseLoss {
 public:
  // The first `samples` of the calibration set. `model` is borrowed; its weights are read anew at every call.
  BlockwiseLoss(const Model& model, const Calibration& calibration, size_t samples);

  // Mean of -log p(next token), with the blocks from the current one on as they are now.
  double loss();
  // Goes on to the next block, past the current one as it is now.
  void advance();

 private:
  void run(size_t block, MutableMatrixView x);

  const Model& model_;
  const Backend& backend_;
  SampleRun run_;
  size_t block_ = 0;
  std::vector<int32_t> targets_;
  std::unique_ptr<BoundLinear> head_;
  Matrix x_, y_;  // inputs of the current block, and a copy on its way on: [tokens, hidden]
};

// Hutchinson's estimate of the trace of the loss' Hessian over the weights of each block, a weight, with the second
// difference of the loss in place of the Hessian's product with z (of random signs):
//
//     sensitivity_b = |mean over probes of (L(w + e z) - 2 L(w) + L(w - e z)) / (e^2 n_b)|,   e = root mean square of w / 10
//
// H. Shao, B. Liu and Y. Qian, "One-Shot Sensitivity-Aware Mixed Sparsity Pruning for Large Language Models", ICASSP 2024
// (arXiv:2310.09499), equations 5 to 7; for blocks, whose sizes are equal, so that the mean sparsity is the one asked for.
// They take the product from gradients; L needs none.
struct SensitivityOptions {
  double spread = 0.1;
  size_t probes = 1, samples = 1;

  // Reads `spread`, `probes` and `samples`; sparsity +- spread must stay within 0 .. 1.
  SensitivityOptions(const ConfigNode& options, double sparsity);
};
// Of each block. The model is changed meanwhile and put back.
std::vector<double> block_sensitivities(Model& model, const Calibration& calibration, const SensitivityOptions& options);

}  // namespace evalharness
