// How fast the variants run: the transformers that were evaluated, timed against each other in turn, beside
// what this machine can do at most.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/model/transformer.h"
#include "harness/result/run_result.h"
#include "harness/run/run_config.h"

namespace evalharness {

// One variant's share of a measurement.
struct VariantSpeed {
  std::vector<SpeedResult> speed;  // of each workload, in order
  Roofline roofline;
};

// Variants by turns: the first is the dense one, whose speedup is 1; a second is compared with it. The
// machine's peaks are probed in the same call.
std::vector<VariantSpeed> measure_speed(std::span<Transformer* const> variants, std::span<const SpeedConfig> workloads);

}  // namespace evalharness
