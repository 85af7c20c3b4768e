// Slots of a KV cache that sequences take and leave, and what each still holds: a sequence that begins like one in the
// cache takes over its keys and values instead of computing them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "harness/model/transformer.h"

namespace evalharness {

class CacheSlots {
 public:
  // `slots` sequences of at most `capacity` tokens each.
  CacheSlots(const Transformer& transformer, size_t slots, size_t capacity);

  KvCache& cache() { return *cache_; }
  bool has_room() const;  // for one more sequence in the batch that is being filled
  // Gives `tokens` a free slot and appends to the batch what has to be computed of them.
  struct Entry {
    size_t slot, shared;  // `shared` tokens are taken over
  };
  Entry enter(std::span<const int32_t> tokens, Batch& batch);
  // Appends the next token of the sequence in a slot.
  void append(size_t slot, int32_t token, Batch& batch);
  // The slot is free; what it holds may still be taken over.
  void leave(size_t slot) { slots_[slot].free = true; }
  // To be called when the batch has run.
  void batch_done();

 private:
  struct Slot {
    std::vector<int32_t> tokens;  // in the cache, or in the batch that is being filled
    bool free = true;
    bool child = false;  // took over in this batch: nobody's parent before it has run
    bool lent = false;   // a parent in this batch: not to be overwritten before it has run
  };
  size_t common(size_t slot, std::span<const int32_t> tokens) const;
  size_t best_free(std::span<const int32_t> tokens) const;

  std::vector<Slot> slots_;
  std::unique_ptr<KvCache> cache_;
};

}  // namespace evalharness
