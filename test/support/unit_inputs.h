// Inputs of block 0 whose Hessian is diagonal.
#pragma once

#include <cmath>

#include "harness/calib/sampler.h"
#include "test/support/tiny_model.h"

namespace evalharness {

// A model whose q, k and v of block 0 see each unit vector (times 4) once: H of block 0 is 32/samples * diag(gain^2).
inline Model model_on_unit_vectors(size_t hidden = 16) {
  Model model = tiny_model(9, Dtype::f32, hidden);
  Matrix embedding(64, hidden);
  for (size_t i = 0; i < 64; ++i) embedding(i, i % hidden) = 1;
  model.embedding = make_dense(embedding.view(), Dtype::f32);
  model.config.norm_epsilon = 0;
  return model;
}

inline CalibrationSet each_token_once(size_t tokens = 16) {
  CalibrationSet set;
  set.samples.resize(2);
  for (size_t i = 0; i < tokens; ++i) set.samples[2 * i / tokens].push_back(static_cast<int32_t>(i));
  return set;
}

inline std::vector<float> values_of(const Slot& slot) {
  const Matrix w = slot.op->to_dense();
  return {w.values().begin(), w.values().end()};
}

}  // namespace evalharness
