#include "harness/engine/cache_slots.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/engine/prefix.h"

namespace evalharness {

CacheSlots::CacheSlots(const Transformer& transformer, size_t slots, size_t capacity)
    : slots_(slots), cache_(transformer.make_cache(std::vector<size_t>(slots, capacity), true)) {}

bool CacheSlots::has_room() const {
  return std::ranges::any_of(slots_, [](const Slot& s) { return s.free && !s.lent; });
}

// Tokens of the slot that `tokens` begin with. The last one is computed in any case: its hidden state is wanted.
size_t CacheSlots::common(size_t slot, std::span<const int32_t> tokens) const {
  return common_beginning(slots_[slot].tokens, tokens.first(tokens.size() - 1));
}

// What the others hold is kept for as long as possible: of the free slots the one that begins most alike, else the one
// that holds least.
size_t CacheSlots::best_free(std::span<const int32_t> tokens) const {
  size_t best = SIZE_MAX;
  const auto better = [&](size_t a, size_t b) {
    const size_t common_a = common(a, tokens), common_b = common(b, tokens);
    return common_a != common_b ? common_a > common_b : slots_[a].tokens.size() < slots_[b].tokens.size();
  };
  for (size_t s = 0; s < slots_.size(); ++s)
    if (slots_[s].free && !slots_[s].lent && (best == SIZE_MAX || better(s, best))) best = s;
  return best;
}

CacheSlots::Entry CacheSlots::enter(std::span<const int32_t> tokens, Batch& batch) {
  const size_t slot = best_free(tokens);
  EH_ASSERT(slot != SIZE_MAX && !tokens.empty());
  size_t parent = slot, shared = common(slot, tokens);
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].child || common(s, tokens) <= shared) continue;
    parent = s;
    shared = common(s, tokens);
  }
  if (shared < kLeastShared) shared = 0;
  Slot& own = slots_[slot];
  own.child = shared > 0 && parent != slot;
  if (own.child) {
    slots_[parent].lent = true;
    batch.add_behind(slot, parent, shared, tokens.subspan(shared));
  } else {
    cache_->set_length(slot, shared);
    batch.add(slot, shared, tokens.subspan(shared));
  }
  own.tokens.assign(tokens.begin(), tokens.end());
  own.free = false;
  return {slot, shared};
}

void CacheSlots::append(size_t slot, int32_t token, Batch& batch) {
  batch.add(slot, cache_->length(slot), std::span(&token, 1));
  slots_[slot].tokens.push_back(token);
}

void CacheSlots::batch_done() {
  for (Slot& slot : slots_) slot.child = slot.lent = false;
}

}  // namespace evalharness
