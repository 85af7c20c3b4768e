// The parts of a pass, timed where they stand: points of the roofline, and where a pass' time goes.
#pragma once

#include <span>
#include <vector>

#include "harness/measure/roofline.h"
#include "harness/model/transformer.h"
#include "harness/run/run_config.h"

namespace evalharness {

// Adds to ops[v], for each variant, what its ops take in one pass of a workload (a prefill, or one step of decoding): the linear layers
// by their kind, those of one input together, attention, the head, and, without a cost, the small ops between them together and the whole pass that they are parts
// of. Passes of the variants run by turns; a point is the mean over the layers of a kind.
void measure_ops(std::span<Transformer* const> variants, const SpeedConfig& workload, std::vector<std::vector<OpMeasurement>>& ops);

}  // namespace evalharness
