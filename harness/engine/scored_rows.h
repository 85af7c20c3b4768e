// The rows of some sequences from which their targets are predicted, out of one forward pass.
#pragma once

#include <span>
#include <vector>

#include "harness/engine/encode.h"
#include "harness/model/transformer.h"

namespace evalharness {

struct ScoredRows {
  Matrix hidden;                 // [targets, hidden]: the head runs on rows whose logits are asked for
  std::vector<int32_t> targets;  // of all sequences, in order
  std::vector<size_t> saved;     // of each sequence: tokens that the one before it has paid for
};

ScoredRows forward_scored(Transformer& transformer, std::span<const Scored> sequences);

}  // namespace evalharness
