#include "methods/sample_run.h"

#include "harness/base/error.h"

namespace evalharness {

SampleRun::SampleRun(const Model& model, const Calibration& calibration, size_t samples) {
  const std::vector<std::vector<int32_t>>& set = calibration.set().samples;
  EH_ASSERT(samples > 0 && samples <= set.size());
  length = set.front().size();
  for (size_t s = 0; s < samples; ++s) batch.add(s, 0, set[s]);
  rope = make_rope_table(model.config, length);
  const std::vector<size_t> capacities(samples, length);
  cache = calibration.backend().make_cache(attention_shape(model.config), 1, capacities, model.dtype);
  workspace.reserve(batch.tokens.size(), model.config);
}

}  // namespace evalharness
