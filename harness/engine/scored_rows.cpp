#include "harness/engine/scored_rows.h"

#include <algorithm>

#include "harness/engine/shared_batch.h"

namespace evalharness {

ScoredRows forward_scored(Transformer& transformer, std::span<const Scored> sequences) {
  std::vector<std::span<const int32_t>> inputs;
  size_t count = 0;
  for (const Scored& s : sequences) {
    inputs.push_back(s.inputs);
    count += s.targets.size();
  }
  const SharedBatch shared(inputs);
  const auto cache = transformer.make_cache(shared.capacities(), false);
  const MatrixView hidden = transformer.forward(shared.batch(), *cache);
  ScoredRows rows{Matrix(count, hidden.cols), {}, {}};
  for (size_t s = 0; s < sequences.size(); ++s) {
    const size_t first = sequences[s].inputs.size() - sequences[s].targets.size();
    for (size_t i = 0; i < sequences[s].targets.size(); ++i) {
      std::ranges::copy(hidden.row(shared.row(s, first + i)), rows.hidden.row(rows.targets.size()).begin());
      rows.targets.push_back(sequences[s].targets[i]);
    }
    rows.saved.push_back(shared.saved(s));
  }
  return rows;
}

}  // namespace evalharness
