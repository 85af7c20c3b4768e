#include "harness/engine/shared_batch.h"

#include "harness/engine/prefix.h"

namespace evalharness {

SharedBatch::SharedBatch(std::span<const std::span<const int32_t>> sequences) : places_(sequences.size()) {
  for (const PrefixGroup& group : group_by_prefix(sequences)) {
    const size_t parent = sequences.size() + prefixes_.size();
    const size_t prefix_row = batch_.tokens.size();
    if (group.shared > 0) {
      batch_.add(parent, 0, sequences[group.first].first(group.shared));
      prefixes_.push_back(group.shared);
    }
    for (size_t s = group.first; s < group.first + group.count; ++s) {
      const size_t saved = s > group.first ? group.shared : 0;
      places_[s] = {group.shared, saved, prefix_row, batch_.tokens.size(), sequences[s].size()};
      const auto own = sequences[s].subspan(group.shared);
      if (group.shared == 0)
        batch_.add(s, 0, own);
      else
        batch_.add_child(s, parent, group.shared, own);
    }
  }
}

std::vector<size_t> SharedBatch::capacities() const {
  std::vector<size_t> capacities;
  for (const Place& place : places_) capacities.push_back(place.tokens);
  capacities.insert(capacities.end(), prefixes_.begin(), prefixes_.end());
  return capacities;
}

size_t SharedBatch::row(size_t sequence, size_t position) const {
  const Place& place = places_[sequence];
  return position < place.shared ? place.prefix_row + position : place.own_row + position - place.shared;
}

}  // namespace evalharness
