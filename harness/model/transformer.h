// A model bound to a backend: token ids in, hidden states or token scores out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/backend/backend.h"
#include "harness/math/aligned.h"
#include "harness/model/model.h"

namespace evalharness {

// Tokens of some sequences, one after the other without padding. Row i is at positions[i] of its sequence.
struct Batch {
  std::vector<int32_t> tokens, positions;
  std::vector<Segment> segments;

  // Appends the next tokens of a sequence of the cache, which holds `past` of it already.
  void add(size_t sequence, size_t past, std::span<const int32_t> ids);
  // Appends what follows the first `shared` tokens of another sequence in one that takes them over.
  void add_behind(size_t sequence, size_t taken_from, size_t shared, std::span<const int32_t> ids);
};

// Called with the input of a linear layer before it runs. q, k and v share one input: they are announced
// one by one all the same.
using InputObserver = std::function<void(Linear linear, MatrixView x)>;

// Activations of some tokens, a row each.
struct Activations {
  // Of as many tokens, in the memory of the first of these.
  Activations first(size_t tokens) const;
  MutableMatrixView hidden, normed, qkv, attended, gate_up, delta;
  MutableMatrixView q, k, v, gate, up;  // columns of the above
};

// Those of one forward pass, allocated once and reused.
class Workspace : public Activations {
 public:
  // So many rows; contents are undefined.
  void reserve(size_t tokens, const ModelConfig& config);

 private:
  AlignedVector<float> memory_;  // huge pages: rows of a tile lie far apart
};

// One block of the model, bound.
class BoundBlock {
 public:
  BoundBlock(const Model& model, const Block& block, const Backend& backend);
  // x [tokens, hidden] becomes the block's output. `layer` is the place in the cache.
  void forward(MutableMatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
               const Activations& w, const InputObserver& observer = nullptr) const;
  // Its two halves, one after the other the same: x becomes x + attention(norm(x)), then x + mlp(norm(x)).
  void add_attention(MutableMatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
                     const Activations& w, const InputObserver& observer = nullptr) const;
  void add_mlp(MutableMatrixView x, const Activations& w, const InputObserver& observer = nullptr) const;
  // Announces the inputs of a half's layers up to `last` and runs no layer whose product that does not take; x stays.
  void observe_attention(MatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
                         const Activations& w, const InputObserver& observer, Linear last) const;
  void observe_mlp(MatrixView x, const Activations& w, const InputObserver& observer, Linear last) const;
  // The halves without norms and residuals: `w.delta` from x [tokens, hidden] behind the norm.
  void attention(MatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
                 const Activations& w, const InputObserver& observer = nullptr) const;
  void mlp(MatrixView x, const Activations& w, const InputObserver& observer = nullptr) const;
  const BoundLinear& linear(Linear linear) const { return *linears_[static_cast<size_t>(linear)]; }
  size_t resident_bytes() const;

 private:
  // All layers of one of kInputGroups; y: their outputs side by side.
  void project(size_t group, MatrixView x, MutableMatrixView y) const;
  static void announce(size_t group, MatrixView x, const InputObserver& observer);
  bool has_biases(size_t group) const;
  void norm(MatrixView x, const std::vector<float>& weight, MutableMatrixView y) const;
  // `w.attended` becomes the input of `o`, `w.gate` that of `down`.
  void attend(MatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
              const Activations& w, const InputObserver& observer) const;
  void gate(MatrixView x, const Activations& w, const InputObserver& observer) const;

  const Model& model_;
  const Block& block_;
  const Backend& backend_;
  std::array<std::unique_ptr<BoundLinear>, kLinears.size()> linears_;
  std::array<std::unique_ptr<BoundLinear>, kInputGroups.size()> joined_;  // null where layers run one by one
};

AttentionShape attention_shape(const ModelConfig& config);
// Positions 0 .. positions-1, angles as Hugging Face computes them (float32 frequencies).
RopeTable make_rope_table(const ModelConfig& config, size_t positions);

class Transformer {
 public:
  // `model` and `backend` are borrowed and must outlive this. The type of its caches is the model's unless said.
  Transformer(const Model& model, const Backend& backend, std::optional<Dtype> cache_dtype = {});
  ~Transformer();

  const Model& model() const { return model_; }
  const Backend& backend() const { return backend_; }
  Dtype cache_dtype() const { return cache_dtype_; }
  // Cache for scoring whole sequences in one pass (all_layers false), or for going on behind them.
  std::unique_ptr<KvCache> make_cache(std::span<const size_t> capacities, bool all_layers) const;

  // Runs the batch and leaves the final-norm hidden states [tokens, hidden] in a buffer of this object, valid
  // until the next call. The cache's lengths grow by the segments. Not thread-safe: one at a time.
  MatrixView forward(const Batch& batch, KvCache& cache);
  // Row i of `hidden` scored against targets[i] (see Backend::head).
  std::vector<TokenScore> head(MatrixView hidden, std::span<const int32_t> targets) const;
  Matrix logits(MatrixView hidden) const;  // [rows, vocabulary]

  const BoundBlock& block(size_t i) const { return *blocks_[i]; }
  const BoundLinear& bound_head() const { return *head_; }
  size_t resident_bytes() const;
  // Weight format and regime ("sparse.bitmask.bf16 few") -> kernel.
  std::map<std::string, std::string> kernels() const;

 private:
  const Model& model_;
  const Backend& backend_;
  Dtype cache_dtype_;
  std::vector<std::unique_ptr<BoundBlock>> blocks_;
  std::unique_ptr<BoundLinear> head_;
  RopeTable rope_;
  std::unique_ptr<Workspace> workspace_;
};

// Embeds the batch's tokens: x [tokens, hidden].
void embed(const Model& model, std::span<const int32_t> tokens, MutableMatrixView x);

}  // namespace evalharness
