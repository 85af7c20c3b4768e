// A workload on a transformer, ready to be repeated: each call does the same work from the same state.
#pragma once

#include <memory>
#include <vector>

#include "harness/measure/flops.h"
#include "harness/measure/probes.h"
#include "harness/model/transformer.h"
#include "harness/result/run_result.h"
#include "harness/run/run_config.h"

namespace evalharness {

class Workload {
 public:
  // Token ids are drawn by a fixed key. Fills the cache up to the workload's context.
  Workload(Transformer& transformer, const SpeedConfig& config);
  // One repetition: the prefill, or `tokens` steps of decoding. The head runs on each sequence's last row.
  void run();
  ModelCost cost() const;  // of one repetition

 private:
  void step(size_t tokens);

  Transformer& transformer_;
  SpeedConfig config_;
  std::vector<int32_t> ids_;
  std::unique_ptr<KvCache> cache_;
};

// What a repetition of a workload that took `seconds` says, beside the machine's ceilings. `weights`: bytes that a pass
// streams. Speed-up and share of the best GEMM are the caller's.
SpeedResult speed_result(const SpeedConfig& config, const ModelCost& cost, const Estimate& seconds,
                         const MachineCeilings& ceilings, double weights);

// Costs of one pass over `tokens` tokens of each of `sequences` sequences.
ModelParts model_parts(const Model& model, size_t sequences, size_t tokens);

}  // namespace evalharness
