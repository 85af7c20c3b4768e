// The rows of some sequences from which their targets are predicted.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "harness/engine/encode.h"
#include "harness/math/matrix.h"
#include "harness/model/transformer.h"

namespace evalharness {

struct ScoredRows {
  Matrix hidden;                 // [targets, hidden]: the head runs on rows whose logits are asked for
  std::vector<int32_t> targets;  // of all sequences, in order
  std::vector<size_t> saved;     // of each sequence: tokens that one before it has paid for
};

// Computes them, a unit in one pass. What all its sequences begin with has a pass of its own before, which the next unit that
// begins so does without.
class ScoringPass {
 public:
  // Borrowed; must outlive this.
  explicit ScoringPass(Transformer& transformer) : transformer_(transformer) {}
  // `header.tokens` come before every scored row.
  ScoredRows forward(std::span<const Scored> sequences, const UnitHeader& header = {});
  // Frees what is kept.
  void forget() { cache_.reset(); }

 private:
  std::unique_ptr<KvCache> cache_with(std::span<const int32_t> header);

  Transformer& transformer_;
  std::vector<int32_t> header_;
  std::unique_ptr<KvCache> cache_;  // of the header, as sequence 0; none before the first pass and after one that failed
};

}  // namespace evalharness
