#include "harness/engine/prefix.h"

#include <algorithm>

namespace evalharness {
bool PrefixGrouper::join(std::span<const int32_t> tokens) {
  const size_t bound = std::min(shared_, tokens.size());
  const auto common = static_cast<size_t>(
      std::mismatch(prefix_.begin(), prefix_.begin() + static_cast<ptrdiff_t>(bound), tokens.begin()).first - prefix_.begin());
  // A neighbour that has little in common would take the group's prefix from it.
  if (count_ > 0 && common >= kLeastShared && 2 * common >= shared_) {
    shared_ = common;
    ++count_;
    tokens_ += tokens.size();
    return true;
  }
  prefix_.assign(tokens.begin(), tokens.end());
  shared_ = tokens_ = tokens.size();
  count_ = 1;
  return false;
}

size_t PrefixGrouper::rows() const { return count_ > 1 ? tokens_ - (count_ - 1) * shared_ : tokens_; }

std::vector<PrefixGroup> group_by_prefix(std::span<const std::span<const int32_t>> sequences) {
  std::vector<PrefixGroup> groups;
  PrefixGrouper grouper;
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (!grouper.join(sequences[i])) groups.push_back({.first = i, .count = 0, .shared = 0});
    groups.back().count = grouper.count();
    groups.back().shared = grouper.shared();
  }
  return groups;
}

}  // namespace evalharness
