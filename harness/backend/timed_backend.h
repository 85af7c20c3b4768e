// A backend that counts the time of each op of a pass, beside another that runs them. One pass at a time: ops are called by one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "harness/backend/backend.h"

namespace evalharness {

class TimedBackend final : public Backend {
 public:
  // What the time of a weight's products counts as; "" where they are part of another op, as the head's are.
  using NameOf = std::function<std::string(const LinearOp& op)>;
  // `inner` is borrowed; what is bound must not outlive this.
  TimedBackend(const Backend& inner, NameOf name_of) : inner_(inner), name_of_(std::move(name_of)) {}

  // Seconds by name since the last call of this, or the beginning: weights by theirs, "attention", "head", and "norms, rotation, gates".
  std::map<std::string, double> take_seconds() { return std::exchange(seconds_, {}); }

  std::string name() const override { return inner_.name(); }
  std::unique_ptr<BoundLinear> bind(const LinearOp& op) const override;
  std::unique_ptr<KvCache> make_cache(const AttentionShape& shape, size_t layers, std::span<const size_t> capacities,
                                      Dtype dtype) const override {
    return inner_.make_cache(shape, layers, capacities, dtype);
  }
  void rms_norm(MatrixView x, std::span<const float> weight, float epsilon, MutableMatrixView y) const override;
  void add(MutableMatrixView x, MatrixView y) const override;
  void add_bias(MutableMatrixView x, std::span<const float> bias) const override;
  void silu_gate(MutableMatrixView gate, MatrixView up) const override;
  void rope(MutableMatrixView x, std::span<const int32_t> positions, const RopeTable& table, size_t head_dim) const override;
  void attention(MatrixView q, MatrixView k, MatrixView v, std::span<const Segment> segments, const AttentionShape& shape, size_t layer,
                 KvCache& cache, MutableMatrixView out) const override;
  void head(MatrixView x, const BoundLinear& weight, std::span<const int32_t> targets, std::span<TokenScore> scores) const override;

 private:
  const Backend& inner_;
  NameOf name_of_;
  mutable std::map<std::string, double> seconds_;
};

inline constexpr const char* kSmallOps = "norms, rotation, gates";

}  // namespace evalharness
