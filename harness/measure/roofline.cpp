#include "harness/measure/roofline.h"

#include <algorithm>

#include "harness/base/error.h"

namespace evalharness {
namespace {

double bytes_of(const Cost& cost) { return cost.weight_bytes + cost.activation_bytes; }

// Whether `a` describes this working set better than `b`.
bool closer(const Ceiling& a, const Ceiling& b, double working_set) {
  const bool a_fits = a.working_set <= working_set, b_fits = b.working_set <= working_set;
  if (a_fits != b_fits) return a_fits;
  return a_fits ? a.working_set > b.working_set : a.working_set < b.working_set;
}

}  // namespace

double peak_flops(const MachineCeilings& ceilings) {
  for (const Ceiling& ceiling : ceilings.compute) {
    if (ceiling.role == "roof") return ceiling.per_second;
  }
  fail("roofline: no compute ceiling is a roof");
}

double integer_peak(const MachineCeilings& ceilings) {
  double peak = peak_flops(ceilings);
  for (const Ceiling& ceiling : ceilings.compute) {
    if (ceiling.name.starts_with("int8 ")) peak = std::max(peak, ceiling.per_second);
  }
  return peak;
}

double mixed_peak(const MachineCeilings& ceilings, double executed, double integer) {
  const double peak = peak_flops(ceilings);
  if (executed == 0 || integer == 0) return peak;
  return executed / ((executed - integer) / peak + integer / integer_peak(ceilings));
}

double bandwidth_at(const MachineCeilings& ceilings, double working_set) {
  const Ceiling* best = nullptr;
  for (const Ceiling& ceiling : ceilings.bandwidth) {
    if (ceiling.role != "roof") continue;
    if (best == nullptr || closer(ceiling, *best, working_set)) best = &ceiling;
  }
  if (best == nullptr) fail("roofline: no bandwidth ceiling is a roof");
  return best->per_second;
}

double bound_seconds(const MachineCeilings& ceilings, const Cost& cost, double working_set) {
  const double compute = cost.executed_flops / mixed_peak(ceilings, cost.executed_flops, cost.integer_flops);
  return std::max(compute, bytes_of(cost) / bandwidth_at(ceilings, working_set));
}

double ridge(const MachineCeilings& ceilings, double working_set) {
  return peak_flops(ceilings) / bandwidth_at(ceilings, working_set);
}

double predicted_speedup(const MachineCeilings& ceilings, const OpMeasurement& dense,
                         const OpMeasurement& compressed) {
  return bound_seconds(ceilings, dense.cost, dense.working_set) /
         bound_seconds(ceilings, compressed.cost, compressed.working_set);
}

Roofline make_roofline(const MachineCeilings& ceilings, std::span<const OpMeasurement> ops) {
  Roofline roofline{.compute = ceilings.compute, .bandwidth = ceilings.bandwidth, .points = {}};
  for (const OpMeasurement& op : ops) {
    roofline.points.push_back({.name = op.name,
                               .phase = op.phase,
                               .kernel = op.kernel,
                               .calls = op.calls,
                               .flops = op.cost.dense_flops,
                               .executed_flops = op.cost.executed_flops,
                               .bytes = bytes_of(op.cost),
                               .seconds = op.seconds,
                               .bound_seconds = bound_seconds(ceilings, op.cost, op.working_set)});
  }
  return roofline;
}

}  // namespace evalharness
