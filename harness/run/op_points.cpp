#include "harness/run/op_points.h"

#include <functional>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/measure/statistics.h"
#include "harness/measure/timing.h"

namespace evalharness {
namespace {

constexpr double kSecondsPerOp = 0.4;

// One kind of op in one variant: `work` does its calls of a pass.
struct TimedOp {
  OpMeasurement point;  // but for its time
  std::function<void()> work;
};
using OpMaker = std::function<TimedOp(Transformer& t, const PassShape& pass)>;

std::shared_ptr<Matrix> random_inputs(size_t rows, size_t cols) {
  Rng rng(0, "speed.inputs");
  auto x = std::make_shared<Matrix>(rows, cols);
  for (float& value : x->values()) value = static_cast<float>(rng.normal());
  return x;
}

TimedOp linear_op(Transformer& t, Linear linear, const PassShape& pass) {
  const size_t rows = pass.sequences * pass.tokens;
  const Model& model = t.model();
  const LinearOp& first = *model.blocks.front().slot(linear).op;
  const auto x = random_inputs(rows, first.in());
  const auto y = std::make_shared<Matrix>(rows, first.out());
  const double layers = static_cast<double>(model.blocks.size());
  Cost cost;
  for (const Block& block : model.blocks) {
    Cost one = block.slot(linear).op->cost(rows);
    cost += one /= layers;
  }
  return {{.name = linear_name(linear), .phase = "", .kernel = t.block(0).linear(linear).kernel(rows), .calls = layers, .cost = cost,
           .working_set = kind_bytes(model, linear), .seconds = {}},
          [&t, linear, x, y] {
            for (size_t b = 0; b < t.model().blocks.size(); ++b) t.block(b).linear(linear).forward(x->view(), y->view());
          }};
}

TimedOp head_op(Transformer& t, const PassShape& pass) {
  const LinearOp& head = t.model().head();
  const size_t rows = pass.sequences;
  const auto x = random_inputs(rows, head.in());
  return {{.name = "head", .phase = "", .kernel = t.bound_head().kernel(rows), .calls = 1, .cost = head.cost(rows),
           .working_set = static_cast<double>(head.bytes()), .seconds = {}},
          [&t, x] { t.head(x->view(), std::vector<int32_t>(x->rows(), -1)); }};
}

// Attention of all layers, with the cache that a pass finds.
class AttentionWork {
 public:
  AttentionWork(Transformer& t, const PassShape& pass)
      : t_(t), pass_(pass), shape_(attention_shape(t.model().config)),
        cache_(t.make_cache(std::vector<size_t>(pass.sequences, pass.past + pass.tokens), true)) {
    if (pass.past > 0) {
      prepare(pass.past);
      run();
      for (size_t s = 0; s < pass.sequences; ++s) cache_->set_length(s, pass.past);
    }
    prepare(pass.tokens);
  }

  void run() {
    for (size_t layer = 0; layer < t_.model().blocks.size(); ++layer)
      t_.backend().attention(q_->view(), kv_->view(), kv_->view(), segments_, shape_, layer, *cache_, out_.view());
  }

 private:
  void prepare(size_t tokens) {
    const size_t rows = pass_.sequences * tokens;
    q_ = random_inputs(rows, shape_.heads * shape_.head_dim);
    kv_ = random_inputs(rows, shape_.kv_heads * shape_.head_dim);
    out_ = Matrix(rows, shape_.heads * shape_.head_dim);
    segments_.clear();
    for (size_t s = 0; s < pass_.sequences; ++s) segments_.push_back({.first = s * tokens, .count = tokens, .sequence = s});
  }

  Transformer& t_;
  PassShape pass_;
  AttentionShape shape_;
  std::unique_ptr<KvCache> cache_;
  std::shared_ptr<Matrix> q_, kv_;
  Matrix out_;
  std::vector<Segment> segments_;
};

TimedOp attention_op(Transformer& t, const PassShape& pass) {
  const AttentionShape heads = attention_shape(t.model().config);
  const AttentionCost attention{heads, static_cast<double>(dtype_bytes(t.cache_dtype()))};
  Cost cost;
  cost.dense_flops = cost.executed_flops = cost.effective_flops = attention_flops(attention, pass);
  // The past read once, the pass' own keys and values read and kept, queries in and sums out.
  const auto values = static_cast<double>(2 * heads.kv_heads * heads.head_dim), sums = static_cast<double>(2 * heads.heads * heads.head_dim);
  const auto sequences = static_cast<double>(pass.sequences), tokens = static_cast<double>(pass.tokens);
  const double kept = sequences * values * (static_cast<double>(pass.past) + tokens) * attention.kv_value_bytes;
  cost.activation_bytes = kept + sequences * tokens * (values + sums) * sizeof(float);
  const auto layers = static_cast<double>(t.model().blocks.size());
  const auto work = std::make_shared<AttentionWork>(t, pass);
  return {{.name = "attention", .phase = "", .kernel = cat("cache ", dtype_name(t.cache_dtype())), .calls = layers, .cost = cost,
           .working_set = kept * layers, .seconds = {}},
          [work] { work->run(); }};
}

std::vector<Timing> time_all(const std::vector<TimedOp>& ops) {
  TimingOptions options;
  options.max_seconds = kSecondsPerOp;
  options.max_warmup_seconds = kSecondsPerOp;
  if (ops.size() == 1) return {time_one(ops[0].work, options)};
  const PairTiming pair = time_pair(ops[0].work, ops[1].work, options);
  return {pair.a, pair.b};
}

}  // namespace

double kind_bytes(const Model& model, Linear linear) {
  double sum = 0;
  for (const Block& block : model.blocks) sum += static_cast<double>(block.slot(linear).op->bytes());
  return sum;
}

void measure_ops(std::span<Transformer* const> variants, const std::string& phase, const PassShape& pass,
                 std::vector<std::vector<OpMeasurement>>& ops) {
  std::vector<OpMaker> makers;
  for (const Linear linear : kLinears)
    makers.push_back([linear](Transformer& t, const PassShape& shape) { return linear_op(t, linear, shape); });
  makers.push_back(attention_op);
  makers.push_back(head_op);
  for (const OpMaker& make : makers) {
    stop_if_interrupted();
    std::vector<TimedOp> timed;
    for (Transformer* t : variants) timed.push_back(make(*t, pass));
    const std::vector<Timing> timings = time_all(timed);
    for (size_t v = 0; v < variants.size(); ++v) {
      OpMeasurement point = timed[v].point;
      point.phase = phase;
      point.seconds = scaled(timings[v].median, 1 / point.calls);
      ops[v].push_back(std::move(point));
    }
  }
}

}  // namespace evalharness
