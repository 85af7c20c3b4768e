// The CPU backend: the kernels of kernels/ over tiles that depend on the shapes only, so that results do
// not depend on the number of threads.

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/backend/backend.h"
#include "harness/backend/kernels/token_kernels.h"
#include "harness/base/parallel.h"

namespace evalharness {
namespace {

size_t round_up(size_t n, size_t block) { return (n + block - 1) / block * block; }

// One buffer a (layer, sequence, kv head): keys as [blocks][dim][kKeyBlock], then values as [keys][dim].
class CpuKvCache final : public KvCache {
 public:
  CpuKvCache(const AttentionShape& shape, size_t layers, std::span<const size_t> capacities)
      : kv_heads_(shape.kv_heads), dim_(round_up(shape.head_dim, kDimBlock)), layers_(layers) {
    for (const size_t capacity : capacities) {
      const size_t keys = round_up(capacity, kKeyBlock);
      sequences_.push_back({keys, 0, std::vector<float>(2 * keys * dim_ * kv_heads_ * layers)});
    }
  }
  size_t length(size_t sequence) const override { return sequences_[sequence].length; }
  void set_length(size_t sequence, size_t tokens) override {
    EH_ASSERT(tokens <= sequences_[sequence].capacity);
    sequences_[sequence].length = tokens;
  }
  size_t bytes() const override {
    size_t sum = 0;
    for (const Sequence& s : sequences_) sum += s.values.size() * sizeof(float);
    return sum;
  }
  size_t dim() const { return dim_; }
  size_t capacity(size_t sequence) const { return sequences_[sequence].capacity; }
  float* keys(size_t layer, size_t sequence, size_t kv_head) {
    Sequence& s = sequences_[sequence];
    return s.values.data() + ((layer % layers_) * kv_heads_ + kv_head) * 2 * s.capacity * dim_;
  }
  float* values(size_t layer, size_t sequence, size_t kv_head) {
    return keys(layer, sequence, kv_head) + capacity(sequence) * dim_;
  }

 private:
  struct Sequence {
    size_t capacity, length;
    std::vector<float> values;
  };
  size_t kv_heads_, dim_, layers_;
  std::vector<Sequence> sequences_;
};

// Query rows of one tile: a tile is kTileTokens tokens times the query heads of one kv head.
constexpr size_t kTileTokens = 32;
// Rows of the head's logits held at once, and ids of one slice.
constexpr size_t kHeadRows = 256;
constexpr size_t kHeadSlice = 2048;

struct Tile {
  size_t segment, kv_head, first_token, tokens;
};

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options) : options_(options), kernels_(token_kernels(options.isa)) {}

  std::string name() const override { return "cpu"; }

  std::unique_ptr<BoundLinear> bind(const LinearOp& op) const override { return bind_cpu(op, options_); }

  std::unique_ptr<KvCache> make_cache(const AttentionShape& shape, size_t layers,
                                      std::span<const size_t> capacities) const override {
    return std::make_unique<CpuKvCache>(shape, layers, capacities);
  }

  void rms_norm(MatrixView x, std::span<const float> weight, float epsilon,
                MutableMatrixView y) const override {
    for_rows(x.rows, x.cols, [&](size_t i) {
      kernels_.rms_norm(x.row(i).data(), weight.data(), epsilon, x.cols, y.row(i).data());
    });
  }
  void add(MutableMatrixView x, MatrixView y) const override {
    for_rows(x.rows, x.cols, [&](size_t i) { kernels_.add(x.row(i).data(), y.row(i).data(), x.cols); });
  }
  void add_bias(MutableMatrixView x, std::span<const float> bias) const override {
    for_rows(x.rows, x.cols, [&](size_t i) { kernels_.add(x.row(i).data(), bias.data(), x.cols); });
  }
  void silu_gate(MutableMatrixView gate, MatrixView up) const override {
    for_rows(gate.rows, gate.cols,
             [&](size_t i) { kernels_.silu_gate(gate.row(i).data(), up.row(i).data(), gate.cols); });
  }
  void rope(MutableMatrixView x, std::span<const int32_t> positions, const RopeTable& table,
            size_t head_dim) const override {
    for_rows(x.rows, x.cols, [&](size_t i) {
      const size_t p = static_cast<size_t>(positions[i]);
      kernels_.rope(x.row(i).data(), x.cols / head_dim, head_dim, table.cosines.cols(),
                    table.cosines.row(p).data(), table.sines.row(p).data());
    });
  }
  void attention(MatrixView q, MatrixView k, MatrixView v, std::span<const Segment> segments,
                 const AttentionShape& shape, size_t layer, KvCache& cache,
                 MutableMatrixView out) const override;
  void head(MatrixView x, const BoundLinear& weight, std::span<const int32_t> targets,
            std::span<TokenScore> scores) const override;

 private:
  // Rows in chunks that are worth a thread: a few tokens of decoding stay on this one.
  template <class Body>
  static void for_rows(size_t rows, size_t cols, const Body& body) {
    const size_t chunk = std::max<size_t>(1, 16384 / std::max<size_t>(1, cols));
    const size_t chunks = (rows + chunk - 1) / chunk;
    if (chunks <= 1) {
      for (size_t i = 0; i < rows; ++i) body(i);
      return;
    }
    parallel_for(chunks, [&](size_t c) {
      for (size_t i = c * chunk; i < std::min(rows, (c + 1) * chunk); ++i) body(i);
    });
  }

  CpuOptions options_;
  const TokenKernels& kernels_;
};

// The first `shared` keys and values of the parent become the sequence's own. Whole blocks of keys are copied:
// what lies behind the shared ones is overwritten or unseen.
void copy_parent(const Segment& segment, size_t kv_head, size_t layer, CpuKvCache& cache) {
  const size_t dim = cache.dim();
  const float* keys = cache.keys(layer, segment.parent, kv_head);
  std::copy_n(keys, round_up(segment.shared, kKeyBlock) * dim, cache.keys(layer, segment.sequence, kv_head));
  const float* values = cache.values(layer, segment.parent, kv_head);
  std::copy_n(values, segment.shared * dim, cache.values(layer, segment.sequence, kv_head));
}

void store_keys(MatrixView k, MatrixView v, const Segment& segment, const AttentionShape& shape,
                size_t kv_head, size_t layer, CpuKvCache& cache) {
  const size_t past = cache.length(segment.sequence), dim = cache.dim();
  float* keys = cache.keys(layer, segment.sequence, kv_head);
  float* values = cache.values(layer, segment.sequence, kv_head);
  for (size_t t = 0; t < segment.count; ++t) {
    const size_t key = past + t;
    const float* from_k = k.row(segment.first + t).data() + kv_head * shape.head_dim;
    const float* from_v = v.row(segment.first + t).data() + kv_head * shape.head_dim;
    float* block = keys + key / kKeyBlock * kKeyBlock * dim + key % kKeyBlock;
    for (size_t d = 0; d < shape.head_dim; ++d) block[d * kKeyBlock] = from_k[d];
    std::copy_n(from_v, shape.head_dim, values + key * dim);
  }
}

void CpuBackend::attention(MatrixView q, MatrixView k, MatrixView v, std::span<const Segment> segments,
                           const AttentionShape& shape, size_t layer, KvCache& cache_base,
                           MutableMatrixView out) const {
  auto& cache = dynamic_cast<CpuKvCache&>(cache_base);
  const size_t dim = cache.dim(), group = shape.heads / shape.kv_heads;
  // Parents first: their keys are there when a child copies them.
  for (const bool children : {false, true}) {
    parallel_for(segments.size() * shape.kv_heads, [&](size_t i) {
      const Segment& segment = segments[i / shape.kv_heads];
      if ((segment.parent != kNoParent) != children) return;
      if (children) copy_parent(segment, i % shape.kv_heads, layer, cache);
      store_keys(k, v, segment, shape, i % shape.kv_heads, layer, cache);
    });
  }
  std::vector<Tile> tiles;
  for (size_t s = 0; s < segments.size(); ++s) {
    EH_ASSERT(cache.length(segments[s].sequence) + segments[s].count <= cache.capacity(segments[s].sequence));
    for (size_t t = 0; t < segments[s].count; t += kTileTokens)
      for (size_t h = 0; h < shape.kv_heads; ++h)
        tiles.push_back({s, h, t, std::min(kTileTokens, segments[s].count - t)});
  }
  // Late tiles see most keys: they go first, so that threads end together.
  std::reverse(tiles.begin(), tiles.end());
  const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  parallel_for(tiles.size(), [&](size_t i) {
    const Tile& tile = tiles[i];
    const Segment& segment = segments[tile.segment];
    const size_t rows = tile.tokens * group;
    static thread_local std::vector<float> buffer;
    static thread_local std::vector<size_t> keys;
    buffer.assign(2 * rows * dim + attention_scratch(rows), 0.0f);
    keys.resize(rows);
    float* tile_q = buffer.data();
    float* tile_out = tile_q + rows * dim;
    for (size_t r = 0; r < rows; ++r) {
      const size_t token = tile.first_token + r / group;
      const size_t head = tile.kv_head * group + r % group;
      const float* from = q.row(segment.first + token).data() + head * shape.head_dim;
      for (size_t d = 0; d < shape.head_dim; ++d) tile_q[r * dim + d] = from[d] * scale;
      keys[r] = cache.length(segment.sequence) + token + 1;
    }
    kernels_.attention({.q = tile_q, .rows = rows, .dim = dim,
                        .k = cache.keys(layer, segment.sequence, tile.kv_head),
                        .v = cache.values(layer, segment.sequence, tile.kv_head),
                        .keys = keys.data(), .out = tile_out, .scratch = tile_out + rows * dim});
    for (size_t r = 0; r < rows; ++r) {
      const size_t head = tile.kv_head * group + r % group;
      std::copy_n(tile_out + r * dim, shape.head_dim,
                  out.row(segment.first + tile.first_token + r / group).data() + head * shape.head_dim);
    }
  });
}

void CpuBackend::head(MatrixView x, const BoundLinear& weight, std::span<const int32_t> targets,
                      std::span<TokenScore> scores) const {
  const size_t vocab = weight.out();
  Matrix logits(std::min(kHeadRows, x.rows), kHeadSlice);
  for (size_t first_row = 0; first_row < x.rows; first_row += kHeadRows) {
    const size_t rows = std::min(kHeadRows, x.rows - first_row);
    std::vector<HeadState> states(rows, {-std::numeric_limits<float>::infinity(), 0, 0});
    std::vector<float> target_logits(rows, 0.0f);
    for (size_t first = 0; first < vocab; first += kHeadSlice) {
      const size_t count = std::min(kHeadSlice, vocab - first);
      const MutableMatrixView slice{logits.values().data(), rows, count, kHeadSlice};
      weight.forward_slice(x.rows_from(first_row, rows), first, count, slice);
      for_rows(rows, count, [&](size_t i) {
        kernels_.head(slice.row(i).data(), count, static_cast<int32_t>(first), &states[i]);
        const int64_t target = targets[first_row + i] - static_cast<int64_t>(first);
        if (target >= 0 && target < static_cast<int64_t>(count))
          target_logits[i] = slice(i, static_cast<size_t>(target));
      });
    }
    for (size_t i = 0; i < rows; ++i) {
      const double log_sum = static_cast<double>(states[i].maximum) + std::log(states[i].sum);
      const bool wanted = targets[first_row + i] >= 0;
      scores[first_row + i] = {
          .log_prob = wanted ? static_cast<float>(static_cast<double>(target_logits[i]) - log_sum) : 0.0f,
          .best = states[i].best,
          .best_log_prob = static_cast<float>(static_cast<double>(states[i].maximum) - log_sum)};
    }
  }
}

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options) {
  return std::make_unique<CpuBackend>(options);
}

}  // namespace evalharness
