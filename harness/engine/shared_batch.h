// A batch in which neighbours that begin alike share the rows of their common prefix.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "harness/model/transformer.h"

namespace evalharness {

class SharedBatch {
 public:
  explicit SharedBatch(std::span<const std::span<const int32_t>> sequences);

  const Batch& batch() const { return batch_; }
  // Cache sequences 0 .. n-1 are the given ones, in order; prefixes follow.
  std::vector<size_t> capacities() const;
  // The row in which position `position` of a sequence is computed.
  size_t row(size_t sequence, size_t position) const;
  // Tokens of the sequence that the one before it has paid for.
  size_t saved(size_t sequence) const { return places_[sequence].saved; }

 private:
  struct Place {
    size_t shared = 0, saved = 0, prefix_row = 0, own_row = 0, tokens = 0;
  };
  Batch batch_;
  std::vector<Place> places_;     // of each sequence
  std::vector<size_t> prefixes_;  // tokens of each shared prefix
};

}  // namespace evalharness
