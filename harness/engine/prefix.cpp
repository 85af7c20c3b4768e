#include "harness/engine/prefix.h"

#include <algorithm>

namespace evalharness {

size_t common_beginning(std::span<const int32_t> a, std::span<const int32_t> b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

PrefixTree::Fork PrefixTree::fork(std::span<const int32_t> tokens) const {
  const size_t common = common_beginning(last_, tokens);
  Fork fork;
  for (; fork.kept < path_.size() && nodes_[path_[fork.kept]].end <= common; ++fork.kept)
    fork.shared = nodes_[path_[fork.kept]].end;
  if (common >= fork.shared + kLeastShared) fork.shared = common;
  return fork;
}

void PrefixTree::split(size_t node, size_t at) {
  PrefixNode beginning = nodes_[node];
  beginning.end = at;
  nodes_[node].begin = at;
  nodes_[node].parent = nodes_.size();
  path_.push_back(nodes_.size());
  nodes_.push_back(beginning);
}

size_t PrefixTree::add(std::span<const int32_t> tokens) {
  const auto [kept, shared] = fork(tokens);
  const size_t left = kept < path_.size() ? path_[kept] : SIZE_MAX;
  path_.resize(kept);
  if (shared > (kept > 0 ? nodes_[path_.back()].end : 0)) split(left, shared);
  if (shared < tokens.size()) {
    nodes_.push_back({path_.empty() ? SIZE_MAX : path_.back(), shared, tokens.size(), ends_.size()});
    path_.push_back(nodes_.size() - 1);
  }
  ends_.push_back(path_.empty() ? SIZE_MAX : path_.back());
  rows_ += tokens.size() - shared;
  last_.assign(tokens.begin(), tokens.end());
  return shared;
}

}  // namespace evalharness
