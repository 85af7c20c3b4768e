// Calibration text for the tiny model, and methods applied with it.
#pragma once

#include <string>

#include "harness/base/rng.h"
#include "harness/model/transformer.h"
#include "methods/method.h"

namespace evalharness {

// Samples of 16 tokens of the tiny model's vocabulary.
inline CalibrationSet random_text(uint64_t seed, size_t samples) {
  CalibrationSet set;
  Rng rng(seed, "test.tokens");
  for (size_t s = 0; s < samples; ++s) {
    set.samples.emplace_back();
    for (size_t t = 0; t < 16; ++t) set.samples.back().push_back(static_cast<int32_t>(rng.below(64)));
  }
  return set;
}

// Three samples of 8 tokens, some of them often.
inline CalibrationSet short_text() {
  CalibrationSet set;
  set.samples = {{1, 2, 3, 4, 5, 6, 7, 8}, {60, 50, 40, 30, 20, 10, 0, 5}, {8, 8, 8, 1, 1, 2, 3, 63}};
  return set;
}

inline MethodPtr method_of(const std::string& yaml) { return make_method(ConfigNode::parse(yaml, "test.yaml")); }

inline Report compress_by(Model& model, const std::string& yaml, const CalibrationSet& set = random_text(8, 4)) {
  const auto backend = make_cpu_backend({});
  return method_of(yaml)->compress(model, Calibration(set, *backend));
}

// Final hidden states of the first sample of `short_text`.
inline Matrix hidden(const Model& model) {
  const auto backend = make_cpu_backend({});
  Transformer transformer(model, *backend);
  Batch batch;
  batch.add(0, 0, short_text().samples[0]);
  const std::vector<size_t> capacity{8};
  const auto cache = transformer.make_cache(capacity, false);
  return Matrix(transformer.forward(batch, *cache));
}

}  // namespace evalharness
