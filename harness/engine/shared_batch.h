// A batch in which neighbours that begin alike share the rows of what they have in common.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "harness/model/transformer.h"

namespace evalharness {

class SharedBatch {
 public:
  // The first `header` tokens of all of them are in the cache before the pass, as its only sequence.
  SharedBatch(std::span<const std::span<const int32_t>> sequences, size_t header);

  const Batch& batch() const { return batch_; }
  // Makes room for one pass of this batch: for the nodes of the tree.
  void add_to(KvCache& cache) const;
  // The row in which a position behind the header of a sequence is computed.
  size_t row(size_t sequence, size_t position) const;
  // Tokens of the sequence that those before it have paid for.
  size_t saved(size_t sequence) const { return saved_[sequence]; }

 private:
  struct Place {  // of a node of the tree
    size_t parent = 0, begin = 0, first_row = 0;
  };
  std::vector<size_t> saved_, ends_;  // of each sequence; the node that it ends with
  std::vector<Place> places_;
  std::vector<CacheSequence> cached_;
  Batch batch_;
};

}  // namespace evalharness
