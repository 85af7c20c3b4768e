#include "harness/engine/shared_batch.h"

#include <algorithm>
#include <numeric>

#include "harness/engine/prefix.h"

namespace evalharness {

SharedBatch::SharedBatch(std::span<const std::span<const int32_t>> sequences, size_t header) {
  PrefixTree tree;
  for (const std::span<const int32_t> tokens : sequences) saved_.push_back(tree.add(tokens));
  ends_ = tree.ends();
  const std::vector<PrefixNode>& nodes = tree.nodes();
  std::vector<size_t> order(nodes.size()), cached_as(nodes.size(), 0);  // 0: within the header
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t node) { return nodes[node].begin; });  // parents first
  places_.resize(nodes.size());
  for (const size_t n : order) {
    const PrefixNode& node = nodes[n];
    if (node.end <= header) continue;
    const size_t begin = std::max(node.begin, header);
    cached_as[n] = cached_.size() + (header > 0 ? 1 : 0);
    const size_t parent = node.parent == SIZE_MAX ? 0 : cached_as[node.parent];
    cached_.push_back({.capacity = node.end, .parent = begin > 0 ? parent : kNoParent, .shared = begin});
    places_[n] = {node.parent, begin, batch_.tokens.size()};
    batch_.add(cached_as[n], begin, sequences[node.sequence].subspan(begin, node.end - begin));
  }
}

void SharedBatch::add_to(KvCache& cache) const {
  for (const CacheSequence& sequence : cached_) cache.add(sequence);
}

size_t SharedBatch::row(size_t sequence, size_t position) const {
  size_t node = ends_[sequence];
  while (position < places_[node].begin) node = places_[node].parent;
  return places_[node].first_row + position - places_[node].begin;
}

}  // namespace evalharness
