#include "harness/engine/scored_rows.h"

#include <algorithm>

#include "harness/engine/shared_batch.h"

namespace evalharness {

std::unique_ptr<KvCache> ScoringPass::cache_with(std::span<const int32_t> header) {
  if (cache_ != nullptr && std::ranges::equal(header_, header)) return std::move(cache_);
  cache_.reset();
  std::unique_ptr<KvCache> cache = transformer_.make_cache({}, false);
  if (header.empty()) return cache;
  Batch batch;
  batch.add(cache->add({.capacity = header.size(), .layers = transformer_.model().config.layers}), 0, header);
  transformer_.forward(batch, *cache);
  return cache;
}

ScoredRows ScoringPass::forward(std::span<const Scored> sequences, const UnitHeader& header) {
  std::vector<std::span<const int32_t>> inputs;
  size_t count = 0;
  for (const Scored& s : sequences) {
    inputs.push_back(s.inputs);
    count += s.targets.size();
  }
  const std::span<const int32_t> beginning = inputs.front().first(header.tokens);
  std::unique_ptr<KvCache> cache = cache_with(beginning);
  const SharedBatch shared(inputs, header.tokens);
  shared.add_to(*cache);
  const MatrixView hidden = transformer_.forward(shared.batch(), *cache);
  cache->drop(beginning.empty() ? 0 : 1);
  cache_ = std::move(cache);
  header_.assign(beginning.begin(), beginning.end());

  ScoredRows rows{Matrix(count, hidden.cols), {}, {}};
  for (size_t s = 0; s < sequences.size(); ++s) {
    const size_t first_scored = sequences[s].inputs.size() - sequences[s].targets.size();
    for (size_t i = 0; i < sequences[s].targets.size(); ++i) {
      std::ranges::copy(hidden.row(shared.row(s, first_scored + i)), rows.hidden.row(rows.targets.size()).begin());
      rows.targets.push_back(sequences[s].targets[i]);
    }
    rows.saved.push_back(shared.saved(s));
  }
  if (header.repeats) rows.saved.front() = header.tokens;
  return rows;
}

}  // namespace evalharness
