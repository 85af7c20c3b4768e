#include "harness/engine/shared_batch.h"

#include "harness/engine/prefix.h"

namespace evalharness {

SharedBatch::SharedBatch(std::span<const std::span<const int32_t>> sequences, size_t max_rows)
    : places_(sequences.size()) {
  for (const PrefixGroup& group : group_by_prefix(sequences)) {
    if (batches_.empty() || batches_.back().tokens.size() >= max_rows) batches_.emplace_back();
    Batch& batch = batches_.back();
    const size_t parent = sequences.size() + prefixes_.size();
    const size_t prefix_row = batch.tokens.size();
    if (group.shared > 0) {
      batch.add(parent, 0, sequences[group.first].first(group.shared));
      prefixes_.push_back(group.shared);
    }
    for (size_t s = group.first; s < group.first + group.count; ++s) {
      places_[s] = {batches_.size() - 1, group.shared, prefix_row, batch.tokens.size(), sequences[s].size()};
      const auto own = sequences[s].subspan(group.shared);
      if (group.shared == 0)
        batch.add(s, 0, own);
      else
        batch.add_child(s, parent, group.shared, own);
    }
  }
}

std::vector<size_t> SharedBatch::capacities(std::span<const size_t> extra) const {
  std::vector<size_t> capacities;
  for (size_t s = 0; s < places_.size(); ++s) capacities.push_back(places_[s].tokens + (extra.empty() ? 0 : extra[s]));
  capacities.insert(capacities.end(), prefixes_.begin(), prefixes_.end());
  return capacities;
}

SharedBatch::Row SharedBatch::row(size_t sequence, size_t position) const {
  const Place& place = places_[sequence];
  const bool in_prefix = position < place.shared;
  return {place.batch, in_prefix ? place.prefix_row + position : place.own_row + position - place.shared};
}

}  // namespace evalharness
