// The roofline: for each measured op, the least time that this machine's ceilings allow it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/measure/probes.h"
#include "harness/ops/linear_op.h"
#include "harness/result/run_result.h"

namespace evalharness {

struct OpMeasurement {
  std::string name, phase, kernel;
  double calls = 1;        // in one pass of the model
  Cost cost;               // of one call
  double working_set = 0;  // bytes that pass between two calls on this op: of a model, all its weights
  Estimate seconds;        // of one call
};

// FLOP/s of the compute ceiling that is the roof.
double peak_flops(const MachineCeilings& ceilings);
// That of products of 8-bit integers: the best probed one of "int8"; without one peak_flops().
double integer_peak(const MachineCeilings& ceilings);
// That of work of which `integer` operations multiply 8-bit integers: executed over the least time that both kinds take
// one after the other. peak_flops() where nothing is executed.
double mixed_peak(const MachineCeilings& ceilings, double executed, double integer);
// Bytes a second of the roof of the largest probed working set that is not larger than this one; of
// the smallest where all are larger. Never too low for what was probed: the bound stays a bound.
double bandwidth_at(const MachineCeilings& ceilings, double working_set);

// max(executed / mixed_peak, bytes / bandwidth).
double bound_seconds(const MachineCeilings& ceilings, const Cost& cost, double working_set);
// Operations a byte above which compute bounds an op of this working set.
double ridge(const MachineCeilings& ceilings, double working_set);
// Bound of the first over bound of the second: the speed-up that the ceilings allow.
double predicted_speedup(const MachineCeilings& ceilings, const OpMeasurement& dense,
                         const OpMeasurement& compressed);

Roofline make_roofline(const MachineCeilings& ceilings, std::span<const OpMeasurement> ops);

}  // namespace evalharness
