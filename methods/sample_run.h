// All but the activations that running single blocks on calibration samples takes.
#pragma once

#include <memory>

#include "harness/calib/calibration.h"
#include "harness/model/transformer.h"

namespace evalharness {

// Blocks are run one after the other, each over what the one before left in the cache: it has one layer's room.
struct SampleRun {
  // The first `samples` of the calibration set, which has as many.
  SampleRun(const Model& model, const Calibration& calibration, size_t samples);

  size_t length = 0;  // tokens of a sample
  Batch batch;
  RopeTable rope;
  std::unique_ptr<KvCache> cache;
  Workspace workspace;
};

}  // namespace evalharness
