// The parts of a pass, each timed alone: points of the roofline, and where a pass' time goes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/measure/flops.h"
#include "harness/measure/roofline.h"
#include "harness/model/transformer.h"

namespace evalharness {

// Bytes of all layers of one kind.
double kind_bytes(const Model& model, Linear linear);

// Adds to ops[v], for each variant, the linear layers by their kind, attention and the head, the variants timed by turns. All layers of
// a kind are called one after the other, so that weights (and keys and values) come from where they come from in a model; a
// point is the mean over them. The head sees a row of each sequence.
void measure_ops(std::span<Transformer* const> variants, const std::string& phase, const PassShape& pass,
                 std::vector<std::vector<OpMeasurement>>& ops);

}  // namespace evalharness
