// A device that runs a transformer: linear layers bound to it, and the ops between them. The CPU is the
// reference for every other one. Matrices are memory of the backend; activations are float32 [tokens, dim].
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/backend/bound_linear.h"
#include "harness/math/matrix.h"

namespace evalharness {

// Heads of an attention layer. Query head h reads key-value head h / (heads / kv_heads).
struct AttentionShape {
  size_t heads = 0, kv_heads = 0, head_dim = 0;
};

inline constexpr size_t kNoParent = SIZE_MAX;

// A sequence of a cache. One that has a parent begins with the parent's first `shared` tokens, which are computed once and kept
// once, in the parent's place: the parent keeps them for as long as the child is there.
struct CacheSequence {
  size_t capacity = 0;  // tokens, the shared ones among them
  size_t layers = 1;    // kept; 1: each layer overwrites the one before, enough for scoring in one pass
  size_t parent = kNoParent;
  size_t shared = 0;
};

// Keys and values of some sequences in some layers.
class KvCache {
 public:
  virtual ~KvCache() = default;
  virtual size_t add(const CacheSequence& sequence) = 0;  // returns its number: 0, 1, ...
  virtual void drop(size_t first) = 0;                    // the sequences from this number on
  virtual size_t length(size_t sequence) const = 0;       // tokens that every layer has seen; of a child the shared ones at first
  virtual void set_length(size_t sequence, size_t tokens) = 0;
  virtual size_t bytes() const = 0;
};

// Rows [first, first + count) of a batch are the next tokens of one sequence of the cache. It may take over the first `shared`
// tokens of another, whose keys and values are copied before its own, so that the other may go. What a sequence takes over,
// or has from its parent, was computed before, or in the same batch by a segment before this one.
struct Segment {
  size_t first = 0, count = 0;
  size_t sequence = 0;
  size_t taken_from = kNoParent;
  size_t shared = 0;
};

// Rotation angles: of the j-th pair of a head at position p, cosines(p, j) and sines(p, j).
struct RopeTable {
  Matrix cosines, sines;  // [positions, pairs]
};

// What the head says of one row.
struct TokenScore {
  float log_prob = 0;       // of the target, natural log
  int32_t best = 0;         // most likely token, the lowest id on ties
  float best_log_prob = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu"
  // `op` is borrowed and must outlive the result.
  virtual std::unique_ptr<BoundLinear> bind(const LinearOp& op) const = 0;
  // Room for capacities[s] tokens of sequence s in so many layers. Attention over a bf16 cache multiplies in bfloat16 (queries and weights
  // rounded too, sums in float32), over an f32 or f16 cache in float32.
  virtual std::unique_ptr<KvCache> make_cache(const AttentionShape& shape, size_t layers,
                                              std::span<const size_t> capacities, Dtype dtype) const = 0;

  virtual void rms_norm(MatrixView x, std::span<const float> weight, float epsilon, MutableMatrixView y) const = 0;
  virtual void add(MutableMatrixView x, MatrixView y) const = 0;                        // x += y
  virtual void add_bias(MutableMatrixView x, std::span<const float> bias) const = 0;    // each row += bias
  virtual void silu_gate(MutableMatrixView gate, MatrixView up) const = 0;              // gate = silu(gate) * up
  // Row i is at position positions[i].
  virtual void rope(MutableMatrixView x, std::span<const int32_t> positions, const RopeTable& table,
                    size_t head_dim) const = 0;
  // Puts k and v [tokens, kv_heads * head_dim] of the segments into the cache at `layer`, behind each
  // sequence's length(), and lets each row of q [tokens, heads * head_dim] see its sequence up to itself.
  virtual void attention(MatrixView q, MatrixView k, MatrixView v, std::span<const Segment> segments,
                         const AttentionShape& shape, size_t layer, KvCache& cache, MutableMatrixView out) const = 0;
  // Scores rows of x against the head W [vocab, hidden] without a [tokens, vocab] buffer. A target
  // of -1 asks for the best token only (log_prob is then 0).
  virtual void head(MatrixView x, const BoundLinear& weight, std::span<const int32_t> targets,
                    std::span<TokenScore> scores) const = 0;
};

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options);

}  // namespace evalharness
