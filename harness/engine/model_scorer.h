// The engine: a Scorer over a model. Batches are rows without padding, filled by tokens in the order of
// the requests; what neighbours begin with in common is computed once; generation is continuous within a unit. The plan
// depends on the requests and the options only.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/engine/encode.h"
#include "harness/engine/scored_rows.h"
#include "harness/model/transformer.h"
#include "harness/scorer/scorer.h"

namespace evalharness {

struct EngineOptions {
  size_t batch_tokens = 2048;        // rows of one forward pass beside what all of them begin with, unless one request has more
  size_t generation_tokens = 20480;  // tokens of KV cache (contexts and answers) of what is generated together
  size_t max_length = 0;             // longest sequence; 0: the model's context
};

// The longest sequence that the options allow the model.
size_t max_length(const ModelConfig& model, const EngineOptions& options);
// Greedy samples of a request are one text.
size_t texts_written(const Generate& request);

class ModelScorer final : public Scorer {
 public:
  // Both are borrowed and must outlive this.
  ModelScorer(Transformer& transformer, const Tokenizer& tokenizer, const EngineOptions& options);
  std::vector<Unit> plan(std::span<const Request> requests) override;
  std::vector<Answer> answer(std::span<const Request> requests, const Unit& unit) override;
  // Tokens of a text that a Rolling request scores, after the protocol's cut. Counted once a text.
  const std::vector<int32_t>& rolling_tokens(const Rolling& request);

 private:
  size_t max_length() const;
  void plan_rolling(const Rolling& request, size_t index, std::vector<Unit>& units);
  Scored sequence_of(const Request& request) const;  // of a pair, or of a generation, which has no targets yet
  std::vector<Answer> score(std::span<const Scored> sequences, const UnitHeader& header = {});
  Answer score_rolling(const Rolling& request, const Unit& unit);
  std::vector<Answer> generate(std::span<const Generate* const> requests);

  Transformer& transformer_;
  const Tokenizer& tokenizer_;
  EngineOptions options_;
  ScoringPass pass_;
  std::string rolling_text_;  // of rolling_tokens_: a corpus is encoded once, not once a unit
  std::vector<int32_t> rolling_tokens_;
};

}  // namespace evalharness
