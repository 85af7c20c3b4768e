#include "methods/sensitivity.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/progress.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr double kStep = 0.1;  // of the weights' root mean square: far above the rounding of activations to bfloat16

// Rademacher's signs.
Matrix signs(size_t rows, size_t cols, Rng& rng) {
  Matrix z(rows, cols);
  for (float& value : z.values()) value = (rng.next() & 1) != 0 ? 1.0f : -1.0f;
  return z;
}

// The weights of a block, to be moved along a direction and back.
class Perturbed {
 public:
  Perturbed(Block& block, Rng& rng) : block_(block) {
    double squares = 0;
    for (Slot& slot : block.slots) {
      dense_.push_back(slot.op->to_dense());
      directions_.push_back(signs(slot.op->out(), slot.op->in(), rng));
      for (const float w : dense_.back().values()) squares += static_cast<double>(w) * static_cast<double>(w);
      weights_ += dense_.back().size();
      originals_.push_back(std::move(slot.op));
    }
    step_ = kStep * std::sqrt(squares / static_cast<double>(weights_));
  }
  ~Perturbed() {
    for (size_t i = 0; i < originals_.size(); ++i) block_.slots[i].op = std::move(originals_[i]);
  }
  Perturbed(const Perturbed&) = delete;
  Perturbed& operator=(const Perturbed&) = delete;

  // float32: a bfloat16 weight would not feel so small a step.
  void move(double steps) {
    for (size_t i = 0; i < dense_.size(); ++i) {
      Matrix w = dense_[i];
      const auto by = static_cast<float>(steps * step_);
      for (size_t k = 0; k < w.size(); ++k) w.values()[k] += by * directions_[i].values()[k];
      block_.slots[i].op = make_dense(w.view(), Dtype::f32);
    }
  }
  double step() const { return step_; }
  size_t weights() const { return weights_; }

 private:
  Block& block_;
  std::vector<LinearPtr> originals_;
  std::vector<Matrix> dense_, directions_;
  size_t weights_ = 0;
  double step_ = 0;
};

double sensitivity_of(Block& block, BlockwiseLoss& loss, Rng& rng) {
  Perturbed perturbed(block, rng);
  double second_difference = 0;
  for (const double steps : {1.0, 0.0, -1.0}) {
    perturbed.move(steps);
    second_difference += (steps == 0 ? -2.0 : 1.0) * loss.loss();
  }
  return second_difference / (perturbed.step() * perturbed.step() * static_cast<double>(perturbed.weights()));
}

size_t available(size_t samples, const Calibration& calibration) {
  const size_t there = calibration.set().samples.size();
  if (there < samples) fail(cat("calibration: ", samples, " samples are needed to measure the loss, and there are ", there));
  return samples;
}

}  // namespace

BlockwiseLoss::BlockwiseLoss(const Model& model, const Calibration& calibration, size_t samples)
    : model_(model), backend_(calibration.backend()), run_(model, calibration, available(samples, calibration)) {
  for (size_t s = 0; s < samples; ++s) {
    const std::vector<int32_t>& tokens = calibration.set().samples[s];
    targets_.insert(targets_.end(), tokens.begin() + 1, tokens.end());
    targets_.push_back(-1);
  }
  head_ = backend_.bind(model.head());
  x_ = Matrix(run_.batch.tokens.size(), model.config.hidden);
  embed(model, run_.batch.tokens, x_.view());
}

void BlockwiseLoss::run(size_t block, MutableMatrixView x) {
  BoundBlock(model_, model_.blocks[block], backend_).forward(x, run_.batch, run_.rope, 0, *run_.cache, run_.workspace);
}

double BlockwiseLoss::loss() {
  y_ = x_;
  for (size_t b = block_; b < model_.blocks.size(); ++b) run(b, y_.view());
  backend_.rms_norm(y_.view(), model_.final_norm, static_cast<float>(model_.config.norm_epsilon), run_.workspace.normed);
  std::vector<TokenScore> scores(targets_.size());
  backend_.head(run_.workspace.normed, *head_, targets_, scores);
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i)
    if (targets_[i] >= 0) {
      if (!std::isfinite(scores[i].log_prob))
        fail(cat("calibration: the loss of sample ", i / run_.length, " is no number, measured from block ", block_, " on"));
      sum -= static_cast<double>(scores[i].log_prob);
    }
  return sum / static_cast<double>(scores.size() - scores.size() / run_.length);
}

void BlockwiseLoss::advance() {
  run(block_, x_.view());
  ++block_;
}

SensitivityOptions::SensitivityOptions(const ConfigNode& options, double sparsity)
    : spread(options.get("spread", 0.1)), probes(options.get("probes", size_t{1})), samples(options.get("samples", size_t{1})) {
  const double most = std::min(sparsity, 1 - sparsity);
  if (!(spread >= 0 && spread < most))
    options.fail_at("spread", cat("expected 0 <= spread < ", most, " around a sparsity of ", sparsity, ", got ", spread));
  if (probes == 0) options.fail_at("probes", "expected at least 1, got 0");
  if (samples == 0) options.fail_at("samples", "expected at least 1, got 0");
}

std::vector<double> block_sensitivities(Model& model, const Calibration& calibration, const SensitivityOptions& options) {
  BlockwiseLoss loss(model, calibration, options.samples);
  Progress progress("measuring sensitivity", model.blocks.size());
  std::vector<double> sensitivities;
  for (size_t b = 0; b < model.blocks.size(); ++b) {
    stop_if_interrupted();
    Rng rng(0, "methods.sensitivity", b);
    double sum = 0;
    for (size_t probe = 0; probe < options.probes; ++probe) sum += sensitivity_of(model.blocks[b], loss, rng);
    sensitivities.push_back(std::abs(sum) / static_cast<double>(options.probes));
    loss.advance();
    progress.advance();
  }
  return sensitivities;
}

}  // namespace evalharness
