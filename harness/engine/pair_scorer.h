// Two models in lock-step along the same texts: how far one's next-token distributions are from the other's.
#pragma once

#include <span>
#include <vector>

#include "harness/engine/model_scorer.h"

namespace evalharness {

// KL(p || q) = sum_i p_i ln(p_i / q_i) in nats, p and q the softmax of the logits [vocabulary]. NaN where a logit is.
double kl_divergence(std::span<const float> p_logits, std::span<const float> q_logits);

// Answers LogLikelihood requests as a ModelScorer over `model` does, to the precision of its logits, and fills
// token_divergences: KL(reference || model) over the whole vocabulary at each token of the target.
class PairScorer final : public Scorer {
 public:
  // All are borrowed and must outlive this; both models have the tokenizer's vocabulary.
  PairScorer(Transformer& reference, Transformer& model, const Tokenizer& tokenizer, const EngineOptions& options);
  std::vector<Unit> plan(std::span<const Request> requests) override;
  std::vector<Answer> answer(std::span<const Request> requests, const Unit& unit) override;

 private:
  Transformer& reference_;
  Transformer& model_;
  ScoringPass reference_pass_, model_pass_;
  const Tokenizer& tokenizer_;
  EngineOptions options_;
};

}  // namespace evalharness
