#include "harness/backend/cpu_attention.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "harness/backend/kernels/token_kernels.h"
#include "harness/base/parallel.h"
#include "harness/math/convert.h"

namespace evalharness {
namespace {

// Query rows of a tile: tokens times the query heads of one key-value head. A multiple of what kernels take at once.
constexpr size_t kTileRows = 96;
// Keys of one step of the online softmax: they and a tile's scores stay in the second-level cache.
constexpr size_t kStepKeys = 8 * kKeyBlock;
// A token that is decoded sees its keys in parts of so many, which threads share: its few heads alone would not keep them busy.
constexpr size_t kPartKeys = kStepKeys;
// Segments times key-value heads; more keep threads busy, and the sums of their parts would take much memory.
constexpr size_t kMostParted = 1024;

struct Tile {
  size_t segment, kv_head, first_token, tokens;
  size_t first_key, keys;  // keys above what the last token sees are cut
  size_t parts;            // of these tokens and heads
};

// Late tiles see most keys: they go first, so that threads end together. Parts of one token are neighbours.
std::vector<Tile> tiles_of(std::span<const Segment> segments, const AttentionShape& shape, const CpuKvCache& cache) {
  const size_t tile_tokens = std::max<size_t>(1, kTileRows / (shape.heads / shape.kv_heads));
  std::vector<Tile> tiles;
  for (size_t s = 0; s < segments.size(); ++s) {
    const size_t keys = cache.length(segments[s].sequence) + segments[s].count;
    const bool is_parted = segments[s].count == 1 && segments.size() * shape.kv_heads <= kMostParted;
    const size_t part = is_parted ? kPartKeys : keys, parts = ceil_div(keys, part);
    for (size_t t = 0; t < segments[s].count; t += tile_tokens)
      for (size_t h = 0; h < shape.kv_heads; ++h)
        for (size_t key = 0; key < keys; key += part)
          tiles.push_back({s, h, t, std::min(tile_tokens, segments[s].count - t), key, part, parts});
  }
  std::reverse(tiles.begin(), tiles.end());
  return tiles;
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

void softmax_step(const TokenKernels& kernels, const SoftmaxStep<float>& step) { kernels.softmax_step(step); }
void softmax_step(const TokenKernels& kernels, const SoftmaxStep<uint16_t>& step) { kernels.softmax_step_bf16(step); }

// What the sums of a row under `maximum` count for under a maximum that is as large or larger.
float shrunk(float maximum, float to, float) { return std::exp(maximum - to); }
float shrunk(float maximum, float to, uint16_t) { return std::exp2(maximum - to); }

template <class Stored>  // what products over such a cache are computed in
using Product = std::conditional_t<std::is_same_v<Stored, Half>, float, Stored>;

template <class T>
const T* as_product(const T* panel, size_t) { return panel; }
const float* as_product(const Half* panel, size_t rows) {  // of 64
  thread_local AlignedVector<float> wide;
  wide.resize(rows * kPanelWidth);
  from_float16({&panel->bits, wide.size()}, wide.data());
  return wide.data();
}

// What a row has seen of the keys of a tile.
struct RowSums {
  SoftmaxState state;
  const float* sums;  // [width]
};

// One tile, in memory that a thread uses again. `Stored` is the cache's type.
template <class Stored>
class TileRun {
  using T = Product<Stored>;

 public:
  void run(const CpuOptions& options, MatrixView q, const Segment& segment, const Tile& tile, const AttentionShape& shape,
           size_t layer, CpuKvCache& cache) {
    options_ = options;
    kernels_ = &token_kernels(options.isa);
    load(q, segment, tile, shape, cache);
    const size_t end = std::min(seen_.back(), tile.first_key + tile.keys);
    for (size_t key = tile.first_key; key < end;) {
      const CpuKvCache::Holder holder = cache.holder(segment.sequence, key);
      const CacheHead<Stored> head = cache.head<Stored>(layer, holder.sequence, tile.kv_head);
      // Rows that see none of these keys come first.
      const auto first = static_cast<size_t>(std::ranges::upper_bound(seen_, key) - seen_.begin());
      const size_t count = std::min({kStepKeys, round_up(end - key, kKeyGroup), holder.end - key});
      score(head.key_panel(key), key, count, first);
      weigh(key, count, first);
      for (size_t d = 0; d < width_; d += kPanelWidth) bring(head.value_panel(key, d), count, first, d);
      key += count;
    }
  }

  size_t rows() const { return rows_; }
  RowSums row(size_t r) const { return {states_[r], sums_.data() + r * width_}; }

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
  void score(const Stored* panels, size_t first_key, size_t count, size_t first_row) {
    for (size_t key = 0; key < count; key += kKeyBlock) {
      while (seen_[first_row] <= first_key + key) ++first_row;
      PanelProduct<T> product;
      product.x = q_.data() + first_row * depth_;
      product.x_stride = product.k = depth_;
      product.rows = rows_ - first_row;
      product.panel = as_product(panels + key * depth_, depth_);
      product.y = scores_.data() + first_row * kStepKeys + key;
      product.y_stride = kStepKeys;
      multiply_in_registers(options_.isa, product);
    }
  }

  // Rows of weights lie one behind the other.
  void weigh(size_t first_key, size_t count, size_t first_row) {
    softmax_step(*kernels_, SoftmaxStep<T>{.scores = scores_.data() + first_row * kStepKeys, .scores_stride = kStepKeys, .rows = rows_ - first_row, .n = count,
                                           .seen = seen_.data() + first_row, .first_score = first_key, .states = states_.data() + first_row,
                                           .weights = weights_.data() + first_row * count, .shrink = shrink_.data() + first_row});
  }

  // sums [rows, 64 of width] = shrink * sums + weights * values
  void bring(const Stored* panel, size_t count, size_t first_row, size_t column) {
    PanelProduct<T> product;
    product.x = weights_.data() + first_row * count;
    product.x_stride = product.k = count;
    product.rows = rows_ - first_row;
    product.panel = as_product(panel, count);
    product.y = product_.data();
    product.y_stride = kPanelWidth;
    multiply_in_registers(options_.isa, product);
    for (size_t r = first_row; r < rows_; ++r)
      kernels_->shrink_add(sums_.data() + r * width_ + column, shrink_[r], product_.data() + (r - first_row) * kPanelWidth,
                           kPanelWidth);
  }

  CpuOptions options_;
  const TokenKernels* kernels_ = nullptr;
  size_t group_ = 0, rows_ = 0, depth_ = 0, width_ = 0;
  AlignedVector<T> q_, weights_;                    // [rows, depth], [rows, keys of the step]
  AlignedVector<float> scores_, product_, sums_;    // [rows, kStepKeys], [rows, 64], [rows, width]
  std::vector<SoftmaxState> states_;                // of each row
  std::vector<float> shrink_;                       // what the step does to a row's earlier sums
  std::vector<size_t> seen_;                        // row r sees keys 0 .. seen[r]-1, at least one; not decreasing
};

// Sums of parts, kept until all of them are there: of part i row r has [width] sums behind each other, and a state.
struct Parts {
  size_t rows = 0, width = 0;
  std::vector<SoftmaxState> states;
  AlignedVector<float> sums;

  void resize(size_t parts, size_t rows_of_part, size_t width_of_row) {
    rows = rows_of_part;
    width = width_of_row;
    states.resize(parts * rows);
    sums.resize(parts * rows * width);
  }
  void keep(size_t part, size_t row, const RowSums& seen) {
    states[part * rows + row] = seen.state;
    std::copy_n(seen.sums, width, sums.begin() + static_cast<std::ptrdiff_t>((part * rows + row) * width));
  }
  RowSums row(size_t part, size_t row) const { return {states[part * rows + row], sums.data() + (part * rows + row) * width}; }
};

// out[d] = sum over parts of shrink * sums[d] / sum over parts of shrink * sum
template <class T>
void join_parts(const Parts& parts, size_t first, size_t count, size_t row, std::span<float> out) {
  float maximum = parts.row(first, row).state.maximum;
  for (size_t p = first; p < first + count; ++p) maximum = std::max(maximum, parts.row(p, row).state.maximum);
  float sum = 0;
  std::ranges::fill(out, 0.0f);
  for (size_t p = first; p < first + count; ++p) {
    const RowSums part = parts.row(p, row);
    const float shrink = shrunk(part.state.maximum, maximum, T{});
    sum += shrink * part.state.sum;
    for (size_t d = 0; d < out.size(); ++d) out[d] += shrink * part.sums[d];
  }
  for (float& value : out) value /= sum;
}

template <class Stored>
class Attention {
 public:
  Attention(const CpuOptions& options, MatrixView q, std::span<const Segment> segments, const AttentionShape& shape, size_t layer,
            CpuKvCache& cache, MutableMatrixView out)
      : options_(options), q_(q), segments_(segments), shape_(shape), layer_(layer), cache_(cache), out_(out),
        group_(shape.heads / shape.kv_heads), tiles_(tiles_of(segments, shape, cache)) {}

  void run() {
    thread_local Parts parts;
    const bool any = std::ranges::any_of(tiles_, [&](const Tile& tile) { return tile.parts > 1; });
    parts.resize(any ? tiles_.size() : 0, group_, cache_.width());
    Parts& kept = parts;  // of the calling thread, for all of them
    parallel_for(tiles_.size(), [&](size_t i) { run_tile(i, kept); });
    for (size_t i = 0; i < tiles_.size();) {
      const size_t count = tiles_[i].parts;
      if (count > 1)
        for (size_t r = 0; r < group_; ++r) join_parts<Product<Stored>>(kept, i, count, r, place(tiles_[i], r));
      i += count;
    }
  }

 private:
  // Where row r of a tile goes: [head_dim].
  std::span<float> place(const Tile& tile, size_t r) const {
    const size_t token = segments_[tile.segment].first + tile.first_token + r / group_;
    return out_.row(token).subspan((tile.kv_head * group_ + r % group_) * shape_.head_dim, shape_.head_dim);
  }

  void run_tile(size_t i, Parts& parts) const {
    thread_local TileRun<Stored> run;
    const Tile& tile = tiles_[i];
    run.run(options_, q_, segments_[tile.segment], tile, shape_, layer_, cache_);
    const bool is_part = tile.parts > 1;
    for (size_t r = 0; r < run.rows(); ++r) {
      const RowSums seen = run.row(r);
      if (is_part) {
        parts.keep(i, r, seen);
        continue;
      }
      const std::span<float> to = place(tile, r);
      const float scale = 1.0f / seen.state.sum;
      for (size_t d = 0; d < to.size(); ++d) to[d] = seen.sums[d] * scale;
    }
  }

  const CpuOptions& options_;
  const MatrixView q_;
  const std::span<const Segment> segments_;
  const AttentionShape& shape_;
  const size_t layer_;
  CpuKvCache& cache_;
  const MutableMatrixView out_;
  const size_t group_;  // query heads of a key-value head
  const std::vector<Tile> tiles_;
};

}  // namespace

void attend(const CpuOptions& options, MatrixView q, std::span<const Segment> segments, const AttentionShape& shape,
            size_t layer, CpuKvCache& cache, MutableMatrixView out) {
  if (cache.dtype() == Dtype::bf16)
    Attention<uint16_t>(options, q, segments, shape, layer, cache, out).run();
  else if (cache.dtype() == Dtype::f16)
    Attention<Half>(options, q, segments, shape, layer, cache, out).run();
  else
    Attention<float>(options, q, segments, shape, layer, cache, out).run();
}

}  // namespace evalharness
