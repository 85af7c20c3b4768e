// Batches in which neighbours that begin alike share the rows of their common prefix.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "harness/model/transformer.h"

namespace evalharness {

class SharedBatch {
 public:
  // Cut into batches of about `max_rows` rows, never inside a group that shares.
  explicit SharedBatch(std::span<const std::span<const int32_t>> sequences, size_t max_rows = SIZE_MAX);

  const std::vector<Batch>& batches() const { return batches_; }
  // Cache sequences 0 .. n-1 are the given ones, in order; prefixes follow. `extra`: more room for each of the
  // given ones, or empty.
  std::vector<size_t> capacities(std::span<const size_t> extra = {}) const;
  // Where position `position` of a sequence is computed.
  struct Row {
    size_t batch, row;
  };
  Row row(size_t sequence, size_t position) const;

 private:
  struct Place {
    size_t batch = 0, shared = 0, prefix_row = 0, own_row = 0, tokens = 0;
  };
  std::vector<Batch> batches_;
  std::vector<Place> places_;     // of each sequence
  std::vector<size_t> prefixes_;  // tokens of each shared prefix
};

}  // namespace evalharness
