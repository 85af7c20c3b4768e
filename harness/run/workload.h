// A workload on a transformer, ready to be repeated: each call does the same work from the same state.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "harness/measure/flops.h"
#include "harness/measure/probes.h"
#include "harness/measure/timing.h"
#include "harness/model/transformer.h"
#include "harness/result/run_result.h"
#include "harness/run/run_config.h"

namespace evalharness {

// Bytes of the weights that a pass streams: the blocks' and the head's.
double streamed_bytes(const Model& model);

class Workload {
 public:
  // Token ids are drawn by a fixed key. Fills the cache up to the workload's context.
  Workload(Transformer& transformer, const SpeedConfig& config);
  // One repetition: the prefill, or `tokens` steps of decoding. The head runs on each sequence's last row.
  void run();
  ModelCost cost() const;  // of one repetition
  // Of each pass without those of the first repetitions: a prefill is one, a decoded token (of each sequence) is one.
  std::span<const double> pass_seconds(size_t first_repetitions) const;
  // What so timed repetitions say, beside the machine's ceilings; all were this object's. Speed-up and share of the best GEMM are
  // the caller's.
  SpeedResult speed(const Timing& timing, const MachineCeilings& ceilings) const;

 private:
  void step(size_t tokens);
  void timed_step(size_t tokens);

  Transformer& transformer_;
  SpeedConfig config_;
  std::vector<int32_t> ids_;
  std::unique_ptr<KvCache> cache_;
  std::vector<double> pass_seconds_;
};

// The 50th, 90th and 99th, each by nearest rank and conservative; refused below the number of samples that it takes.
std::vector<LatencyPercentile> latency_percentiles(std::span<const double> seconds);

}  // namespace evalharness
