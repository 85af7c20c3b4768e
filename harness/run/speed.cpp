#include "harness/run/speed.h"

#include <algorithm>
#include <set>

#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/measure/best_gemm.h"
#include "harness/measure/rates.h"
#include "harness/measure/roofline.h"
#include "harness/measure/statistics.h"
#include "harness/measure/timing.h"
#include "harness/base/interrupt.h"
#include "harness/run/op_points.h"
#include "harness/run/workload.h"

namespace evalharness {
namespace {

constexpr double kSecondsPerWorkload = 20;

std::vector<size_t> working_sets(std::span<Transformer* const> variants) {
  std::set<size_t> sizes;
  for (const Transformer* t : variants) sizes.insert(static_cast<size_t>(streamed_bytes(t->model())));
  // Sizes within a quarter of each other share a probe: the smaller, whose rate is not the lower.
  std::vector<size_t> distinct;
  for (const size_t size : sizes)
    if (distinct.empty() || static_cast<double>(size) > 1.25 * static_cast<double>(distinct.back()))
      distinct.push_back(size);
  return distinct;
}

Ceiling probe_best_gemm(const Model& model, size_t tokens) {
  std::set<GemmShape> shapes;
  for (const Slot& slot : model.blocks.front().slots) shapes.insert({slot.op->in(), slot.op->out()});
  return best_gemm(gemm_rates(std::vector<GemmShape>(shapes.begin(), shapes.end()), tokens, model.dtype), tokens);
}

// The first workload of a phase, or what is usual.
SpeedConfig workload_of(std::span<const SpeedConfig> workloads, bool decode) {
  for (const SpeedConfig& workload : workloads)
    if (workload.decode == decode) return workload;
  if (decode) return {.decode = true, .tokens = 1, .context = 512};
  return {};
}

// Not measured: it follows from what is known.
Estimate known(double value) { return {.value = value, .standard_error = 0.0, .low = {}, .high = {}, .n = 1, .reason = ""}; }

// The speed cells of a variant that a fallback computed are not the format's speed.
bool is_simulated(const Transformer& t) {
  return std::ranges::any_of(t.kernels(), [](const auto& kernel) { return kernel.second.find("<-") != std::string::npos; });
}

void mark_simulated(SpeedResult& result) {
  for (Estimate* cell : {&result.tokens_per_second, &result.latency_ms, &result.mfu, &result.mbu,
                         &result.share_of_best_gemm, &result.speedup, &result.roofline_speedup})
    *cell = Estimate::missing("simulated");
  for (LatencyPercentile& percentile : result.percentiles)
    percentile.nearest_rank_ms = percentile.conservative_ms = Estimate::missing("simulated");
  result.notes.clear();  // they are doubts of times that are not there
}

}  // namespace

std::vector<VariantSpeed> measure_speed(std::span<Transformer* const> variants, std::span<const SpeedConfig> workloads) {
  EH_ASSERT(variants.size() == 1 || variants.size() == 2);
  std::vector<VariantSpeed> results(variants.size());
  if (workloads.empty()) return results;
  // Left alone, the scheduler of a busy machine puts both threads on one core now and then.
  const PinnedThreads pinned;
  Progress progress("measuring speed", workloads.size() + 3);
  const Model& dense = variants[0]->model();
  const std::vector<size_t> sets = working_sets(variants);
  const MachineCeilings ceilings = probe_machine(dense.dtype, sets);
  const SpeedConfig prefill = workload_of(workloads, false), decode = workload_of(workloads, true);
  const size_t tokens = prefill.batch * prefill.tokens;
  const Ceiling gemm = probe_best_gemm(dense, tokens);
  progress.advance();

  std::vector<std::vector<OpMeasurement>> ops(variants.size());
  measure_ops(variants, prefill, ops);
  measure_ops(variants, decode, ops);
  progress.advance(2);

  TimingOptions options;
  options.max_seconds = kSecondsPerWorkload;
  for (const SpeedConfig& config : workloads) {
    stop_if_interrupted();
    std::vector<std::unique_ptr<Workload>> work;
    for (Transformer* t : variants) work.push_back(std::make_unique<Workload>(*t, config));
    std::vector<Timing> timings;
    Estimate speedup;
    if (variants.size() == 1) {
      timings.push_back(time_one([&] { work[0]->run(); }, options));
    } else {
      PairTiming pair = time_pair([&] { work[0]->run(); }, [&] { work[1]->run(); }, options);
      timings = {pair.a, pair.b};
      speedup = pair.speedup;
    }
    for (size_t v = 0; v < variants.size(); ++v) {
      const ModelCost cost = work[v]->cost();
      SpeedResult result = work[v]->speed(timings[v], ceilings);
      result.share_of_best_gemm = model_flops_utilisation(cost, timings[v].median, gemm.per_second);
      const double passes = config.decode ? static_cast<double>(config.tokens) : 1;
      Cost one = as_op(cost);
      one /= passes;
      ops[v].push_back({.name = "model", .phase = config.phase(), .kernel = "", .cost = one, .working_set = streamed_bytes(variants[v]->model()),
                        .seconds = scaled(timings[v].median, 1 / passes)});
      result.speedup = v == 1 ? speedup : known(1);
      result.roofline_speedup = known(predicted_speedup(ceilings, ops[0].back(), ops[v].back()));
      if (v == 1) std::ranges::copy(doubts_of_speedup(speedup), std::back_inserter(result.notes));
      if (is_simulated(*variants[v])) mark_simulated(result);
      results[v].speed.push_back(result);
    }
    progress.advance();
  }
  for (size_t v = 0; v < variants.size(); ++v) {
    results[v].roofline = make_roofline(ceilings, ops[v]);
    results[v].roofline.compute.push_back(gemm);
  }
  return results;
}

}  // namespace evalharness
