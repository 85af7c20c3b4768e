#include "harness/backend/timed_backend.h"

#include "harness/base/clock.h"

namespace evalharness {
namespace {

// Adds the time from here to the end of a scope.
class Stopwatch {
 public:
  explicit Stopwatch(double& total) : total_(total) {}
  ~Stopwatch() { total_ += steady_seconds() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& total_;
  const double start_ = steady_seconds();
};

class TimedLinear final : public BoundLinear {
 public:
  TimedLinear(std::unique_ptr<BoundLinear> inner, std::string name, std::map<std::string, double>& seconds)
      : inner_(std::move(inner)), name_(std::move(name)), seconds_(seconds) {}
  size_t out() const override { return inner_->out(); }
  size_t in() const override { return inner_->in(); }
  size_t resident_bytes() const override { return inner_->resident_bytes(); }
  double skipped_flops(size_t tokens) const override { return inner_->skipped_flops(tokens); }
  std::string kernel(size_t tokens) const override { return inner_->kernel(tokens); }
  // What counts apart runs apart.
  std::unique_ptr<BoundLinear> join(std::span<const BoundLinear* const> others) const override {
    std::vector<const BoundLinear*> inner;
    for (const BoundLinear* other : others) {
      const auto* const timed = dynamic_cast<const TimedLinear*>(other);
      if (timed == nullptr || timed->name_ != name_) return nullptr;
      inner.push_back(timed->inner_.get());
    }
    auto joined = inner_->join(inner);
    return joined ? std::make_unique<TimedLinear>(std::move(joined), name_, seconds_) : nullptr;
  }
  void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const override {
    const Stopwatch watch(seconds_[name_]);
    inner_->forward_slice(x, first, count, y);
  }
  bool forward_gated(MatrixView x, MutableMatrixView y) const override {
    const Stopwatch watch(seconds_[name_]);
    return inner_->forward_gated(x, y);
  }

 private:
  std::unique_ptr<BoundLinear> inner_;
  std::string name_;
  std::map<std::string, double>& seconds_;
};

}  // namespace

std::unique_ptr<BoundLinear> TimedBackend::bind(const LinearOp& op) const {
  const std::string name = name_of_(op);
  if (name.empty()) return inner_.bind(op);
  return std::make_unique<TimedLinear>(inner_.bind(op), name, seconds_);
}

void TimedBackend::rms_norm(MatrixView x, std::span<const float> weight, float epsilon, MutableMatrixView y) const {
  const Stopwatch watch(seconds_[kSmallOps]);
  inner_.rms_norm(x, weight, epsilon, y);
}

void TimedBackend::add(MutableMatrixView x, MatrixView y) const {
  const Stopwatch watch(seconds_[kSmallOps]);
  inner_.add(x, y);
}

void TimedBackend::add_bias(MutableMatrixView x, std::span<const float> bias) const {
  const Stopwatch watch(seconds_[kSmallOps]);
  inner_.add_bias(x, bias);
}

void TimedBackend::silu_gate(MutableMatrixView gate, MatrixView up) const {
  const Stopwatch watch(seconds_[kSmallOps]);
  inner_.silu_gate(gate, up);
}

void TimedBackend::rope(MutableMatrixView x, std::span<const int32_t> positions, const RopeTable& table, size_t head_dim) const {
  const Stopwatch watch(seconds_[kSmallOps]);
  inner_.rope(x, positions, table, head_dim);
}

void TimedBackend::attention(MatrixView q, MatrixView k, MatrixView v, std::span<const Segment> segments, const AttentionShape& shape,
                             size_t layer, KvCache& cache, MutableMatrixView out) const {
  const Stopwatch watch(seconds_["attention"]);
  inner_.attention(q, k, v, segments, shape, layer, cache, out);
}

void TimedBackend::head(MatrixView x, const BoundLinear& weight, std::span<const int32_t> targets, std::span<TokenScore> scores) const {
  const Stopwatch watch(seconds_["head"]);
  inner_.head(x, weight, targets, scores);
}

}  // namespace evalharness
