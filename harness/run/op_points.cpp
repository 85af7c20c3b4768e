#include "harness/run/op_points.h"

#include <map>
#include <memory>
#include <set>

#include "harness/backend/timed_backend.h"
#include "harness/base/clock.h"
#include "harness/base/interrupt.h"
#include "harness/base/text.h"
#include "harness/measure/flops.h"
#include "harness/measure/statistics.h"
#include "harness/run/workload.h"

namespace evalharness {
namespace {

constexpr double kMostSeconds = 6;
constexpr size_t kWarmUpPasses = 2, kFewestPasses = 7, kMostPasses = 100;

SpeedConfig one_pass(SpeedConfig workload) {
  if (workload.decode) workload.tokens = 1;
  return workload;
}

// A variant whose passes tell what their ops took.
class Profile {
 public:
  Profile(const Transformer& t, const SpeedConfig& workload)
      : workload_(one_pass(workload)), kinds_(kinds_of(t.model())),
        backend_(t.backend(), [this](const LinearOp& op) { return kinds_.contains(&op) ? kinds_.at(&op) : ""; }),
        transformer_(t.model(), backend_, t.cache_dtype()), work_(transformer_, workload_) {
    for (size_t i = 0; i < kWarmUpPasses; ++i) work_.run();
    backend_.take_seconds();
  }

  void run_pass() {
    const double start = steady_seconds();
    work_.run();
    samples_["pass"].push_back(steady_seconds() - start);
    for (const auto& [name, seconds] : backend_.take_seconds()) samples_[name].push_back(seconds);
  }

  std::vector<OpMeasurement> points() const {
    std::vector<OpMeasurement> points;
    const Model& model = transformer_.model();
    const size_t rows = workload_.batch * workload_.tokens;
    const auto layers = static_cast<double>(model.blocks.size());
    for (const LinearGroup group : kInputGroups) {
      Cost mean;
      for (size_t b = 0; b < model.blocks.size(); ++b)
        for (const Linear linear : group) mean += cost_on(transformer_.block(b).linear(linear), *model.blocks[b].slot(linear).op, rows);
      // Their input is one.
      mean.activation_bytes -= layers * static_cast<double>((group.size() - 1) * rows * inputs(group) * sizeof(float));
      points.push_back(point(names(group), kernels(group, rows), layers, mean /= layers));
    }
    points.push_back(point("attention", cat("cache ", dtype_name(transformer_.cache_dtype())), layers, attention_cost()));
    points.push_back(point("head", transformer_.bound_head().kernel(workload_.batch), 1, cost_on(transformer_.bound_head(), model.head(), workload_.batch)));
    for (const char* const name : {kSmallOps, "pass"}) points.push_back(point(name, "", 1, {}));
    return points;
  }

 private:
  static std::map<const LinearOp*, std::string> kinds_of(const Model& model) {
    std::map<const LinearOp*, std::string> kinds;
    for (const Block& block : model.blocks)
      for (const LinearGroup group : kInputGroups)
        for (const Linear linear : group) kinds[block.slot(linear).op.get()] = names(group);
    return kinds;
  }

  size_t inputs(LinearGroup group) const { return transformer_.model().blocks[0].slot(group.front()).op->in(); }

  // "q, k, v_proj"
  static std::string names(LinearGroup group) {
    std::string names = linear_name(group.back());
    for (size_t i = group.size() - 1; i-- > 0;) {
      const std::string name = linear_name(group[i]);
      names = cat(name.substr(0, name.rfind('_')), ", ", names);
    }
    return names;
  }

  // Of the first block.
  std::string kernels(LinearGroup group, size_t rows) const {
    std::set<std::string> kernels;
    for (const Linear linear : group) kernels.insert(transformer_.block(0).linear(linear).kernel(rows));
    return join(std::vector<std::string>(kernels.begin(), kernels.end()), " ");
  }

  OpMeasurement point(const std::string& name, const std::string& kernel, double calls, const Cost& cost) const {
    return {.name = name, .phase = workload_.phase(), .kernel = kernel, .calls = calls, .cost = cost,
            .working_set = streamed_bytes(transformer_.model()), .seconds = scaled(median_estimate(samples_.at(name)), 1 / calls)};
  }

  // Of one layer: the past read once, the pass' own keys and values read and kept, queries in and sums out.
  Cost attention_cost() const {
    const AttentionShape heads = attention_shape(transformer_.model().config);
    const AttentionCost attention{heads, static_cast<double>(dtype_bytes(transformer_.cache_dtype()))};
    const PassShape pass{.sequences = workload_.batch, .tokens = workload_.tokens, .past = workload_.context};
    const size_t float_values = 2 * (heads.kv_heads + heads.heads) * heads.head_dim * pass.sequences * pass.tokens;
    Cost cost;
    cost.dense_flops = cost.executed_flops = cost.effective_flops = attention_flops(attention, pass);
    cost.activation_bytes = kv_bytes(attention, pass) + static_cast<double>(float_values * sizeof(float));
    return cost;
  }

  SpeedConfig workload_;
  std::map<const LinearOp*, std::string> kinds_;
  TimedBackend backend_;
  Transformer transformer_;
  Workload work_;
  std::map<std::string, std::vector<double>> samples_;  // seconds of each pass
};

}  // namespace

void measure_ops(std::span<Transformer* const> variants, const SpeedConfig& workload, std::vector<std::vector<OpMeasurement>>& ops) {
  std::vector<std::unique_ptr<Profile>> profiles;
  for (const Transformer* t : variants) profiles.push_back(std::make_unique<Profile>(*t, workload));
  const double end = steady_seconds() + kMostSeconds;
  for (size_t pass = 0; pass < kFewestPasses || (pass < kMostPasses && steady_seconds() < end); ++pass)
    for (const auto& profile : profiles) {
      stop_if_interrupted();
      profile->run_pass();
    }
  for (size_t v = 0; v < variants.size(); ++v) {
    const std::vector<OpMeasurement> points = profiles[v]->points();
    ops[v].insert(ops[v].end(), points.begin(), points.end());
  }
}

}  // namespace evalharness
