#include "harness/backend/cpu_attention.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "harness/backend/kernels/token_kernels.h"
#include "harness/base/parallel.h"
#include "harness/math/convert.h"

namespace evalharness {
namespace {

// Query rows of a tile: tokens times the query heads of one key-value head. A multiple of what kernels take at once.
constexpr size_t kTileRows = 96;
// Keys of one step of the online softmax: they and a tile's scores stay in the second-level cache.
constexpr size_t kStepKeys = 4 * kKeyBlock;

struct Tile {
  size_t segment, kv_head, first_token, tokens;
};

// Late tiles see most keys: they go first, so that threads end together.
std::vector<Tile> tiles_of(std::span<const Segment> segments, const AttentionShape& shape) {
  const size_t tile_tokens = std::max<size_t>(1, kTileRows / (shape.heads / shape.kv_heads));
  std::vector<Tile> tiles;
  for (size_t s = 0; s < segments.size(); ++s)
    for (size_t t = 0; t < segments[s].count; t += tile_tokens)
      for (size_t h = 0; h < shape.kv_heads; ++h)
        tiles.push_back({s, h, t, std::min(tile_tokens, segments[s].count - t)});
  std::reverse(tiles.begin(), tiles.end());
  return tiles;
}

// AMX tiles are reached through the library only; elsewhere our kernels take a small product without its overhead.
template <class T>
void multiply(const CpuOptions& options, const PanelProduct<T>& product) {
  if (options.isa == Isa::amx && std::is_same_v<T, uint16_t>)
    multiply_rows(GemmLibrary::fastest, options.isa, product);
  else
    multiply_in_registers(options.isa, product);
}

// Queries are scaled so that scores are natural for float32, and powers of two for bfloat16 (see softmax_step).
void scaled_query(std::span<const float> from, float scale, float* to) {
  std::ranges::transform(from, to, [&](float x) { return x * scale; });
}
void scaled_query(std::span<const float> from, float scale, uint16_t* to) {
  thread_local std::vector<float> scaled;
  scaled.resize(from.size());
  scaled_query(from, scale * std::numbers::log2e_v<float>, scaled.data());
  to_bfloat16(scaled, to);
}

float softmax_step(const TokenKernels& kernels, std::span<const float> scores, size_t valid, SoftmaxState& state, float* weights) {
  return kernels.softmax_step(scores.data(), valid, scores.size(), &state, weights);
}
float softmax_step(const TokenKernels& kernels, std::span<const float> scores, size_t valid, SoftmaxState& state, uint16_t* weights) {
  return kernels.softmax_step_bf16(scores.data(), valid, scores.size(), &state, weights);
}

// One tile, in memory that a thread uses again.
template <class T>
class TileRun {
 public:
  void run(const CpuOptions& options, MatrixView q, const Segment& segment, const Tile& tile, const AttentionShape& shape,
           size_t layer, CpuKvCache& cache, MutableMatrixView out) {
    options_ = options;
    kernels_ = &token_kernels(options.isa);
    load(q, segment, tile, shape, cache);
    const T* const keys = cache.keys<T>(layer, segment.sequence, tile.kv_head);
    const T* const values = cache.values<T>(layer, segment.sequence, tile.kv_head);
    for (size_t key = 0; key < seen_.back(); key += kStepKeys) {
      // Rows that see none of these keys come first.
      const auto first = static_cast<size_t>(std::ranges::upper_bound(seen_, key) - seen_.begin());
      const size_t count = std::min(kStepKeys, round_up(seen_.back() - key, kKeyGroup));
      score(keys + key * depth_, key, count, first);
      weigh(key, count, first);
      for (size_t d = 0; d < width_; d += kPanelWidth)
        bring(values + d / kPanelWidth * cache.capacity(segment.sequence) * kPanelWidth + key * kPanelWidth, count, first, d);
    }
    for (size_t r = 0; r < rows_; ++r) {
      const size_t head = tile.kv_head * group_ + r % group_;
      float* const to = out.row(segment.first + tile.first_token + r / group_).data() + head * shape.head_dim;
      const float scale = 1.0f / states_[r].sum;
      for (size_t d = 0; d < shape.head_dim; ++d) to[d] = sums_[r * width_ + d] * scale;
    }
  }

 private:
  void load(MatrixView q, const Segment& segment, const Tile& tile, const AttentionShape& shape, const CpuKvCache& cache) {
    group_ = shape.heads / shape.kv_heads;
    rows_ = tile.tokens * group_;
    depth_ = cache.depth();
    width_ = cache.width();
    q_.assign(rows_ * depth_, T{});
    scores_.resize(rows_ * kStepKeys);
    weights_.resize(rows_ * kStepKeys);
    product_.resize(rows_ * kPanelWidth);
    sums_.assign(rows_ * width_, 0.0f);
    states_.assign(rows_, {});
    shrink_.resize(rows_);
    seen_.resize(rows_);
    const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
    for (size_t r = 0; r < rows_; ++r) {
      const size_t token = tile.first_token + r / group_;
      const size_t head = tile.kv_head * group_ + r % group_;
      scaled_query(q.row(segment.first + token).subspan(head * shape.head_dim, shape.head_dim), scale, q_.data() + r * depth_);
      seen_[r] = cache.length(segment.sequence) + token + 1;
    }
  }

  // scores [rows, count] = q * keys^T
  void score(const T* panels, size_t first_key, size_t count, size_t first_row) {
    for (size_t key = 0; key < count; key += kKeyBlock) {
      while (seen_[first_row] <= first_key + key) ++first_row;
      PanelProduct<T> product;
      product.x = q_.data() + first_row * depth_;
      product.x_stride = product.k = depth_;
      product.rows = rows_ - first_row;
      product.panel = panels + key * depth_;
      product.y = scores_.data() + first_row * kStepKeys + key;
      product.y_stride = kStepKeys;
      multiply(options_, product);
    }
  }

  void weigh(size_t first_key, size_t count, size_t first_row) {
    for (size_t r = first_row; r < rows_; ++r) {
      const size_t valid = std::min(seen_[r] - first_key, count);
      shrink_[r] = softmax_step(*kernels_, {scores_.data() + r * kStepKeys, count}, valid, states_[r],
                                weights_.data() + r * kStepKeys);
    }
  }

  // sums [rows, 64 of width] = shrink * sums + weights * values
  void bring(const T* panel, size_t count, size_t first_row, size_t column) {
    PanelProduct<T> product;
    product.x = weights_.data() + first_row * kStepKeys;
    product.x_stride = kStepKeys;
    product.k = count;
    product.rows = rows_ - first_row;
    product.panel = panel;
    product.y = product_.data();
    product.y_stride = kPanelWidth;
    multiply(options_, product);
    for (size_t r = first_row; r < rows_; ++r)
      kernels_->shrink_add(sums_.data() + r * width_ + column, shrink_[r], product_.data() + (r - first_row) * kPanelWidth,
                           kPanelWidth);
  }

  CpuOptions options_;
  const TokenKernels* kernels_ = nullptr;
  size_t group_ = 0, rows_ = 0, depth_ = 0, width_ = 0;
  AlignedVector<T> q_, weights_;                    // [rows, depth], [rows, kStepKeys]
  AlignedVector<float> scores_, product_, sums_;    // [rows, kStepKeys], [rows, 64], [rows, width]
  std::vector<SoftmaxState> states_;                // of each row
  std::vector<float> shrink_;                       // what the step does to a row's earlier sums
  std::vector<size_t> seen_;                        // row r sees keys 0 .. seen[r]-1, at least one; not decreasing
};

}  // namespace

void attend(const CpuOptions& options, MatrixView q, std::span<const Segment> segments, const AttentionShape& shape,
            size_t layer, CpuKvCache& cache, MutableMatrixView out) {
  const std::vector<Tile> tiles = tiles_of(segments, shape);
  parallel_for(tiles.size(), [&](size_t i) {
    const Segment& segment = segments[tiles[i].segment];
    if (cache.dtype() == Dtype::bf16) {
      thread_local TileRun<uint16_t> tile;
      tile.run(options, q, segment, tiles[i], shape, layer, cache, out);
    } else {
      thread_local TileRun<float> tile;
      tile.run(options, q, segment, tiles[i], shape, layer, cache, out);
    }
  });
}

}  // namespace evalharness
