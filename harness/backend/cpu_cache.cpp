#include "harness/backend/cpu_cache.h"

#include <algorithm>
#include <cstring>

#include "harness/base/parallel.h"
#include "harness/math/convert.h"

namespace evalharness {
namespace {

// Place of (row, column) in a panel of T.
template <class T>
size_t place(size_t row, size_t column) {
  constexpr size_t kPair = std::is_same_v<T, uint16_t> ? 2 : 1;
  return (row / kPair * kPanelWidth + column) * kPair + row % kPair;
}

std::span<const float> in_type(std::span<const float> row, std::vector<float>&) { return row; }
std::span<const uint16_t> in_type(std::span<const float> row, std::vector<uint16_t>& to) {
  to.resize(row.size());
  to_bfloat16(row, to.data());
  return to;
}

std::span<const Half> in_type(std::span<const float> row, std::vector<Half>& to) {
  static_assert(sizeof(Half) == sizeof(uint16_t));
  to.resize(row.size());
  to_float16(row, &to.data()->bits);
  return to;
}

// One head of one sequence in one layer.
template <class T>
class HeadStore {
 public:
  HeadStore(CpuKvCache& cache, size_t layer, size_t sequence, size_t kv_head)
      : keys_(cache.keys<T>(layer, sequence, kv_head)), values_(cache.values<T>(layer, sequence, kv_head)),
        depth_(cache.depth()), width_(cache.width()), capacity_(cache.capacity(sequence)) {}

  void put(size_t key, std::span<const float> k, std::span<const float> v) {
    // What a sequence before left behind `key` may be no number, and a weight of zero would not hide it.
    if (key % kKeyGroup == 0) clear_values(key);
    thread_local std::vector<T> converted;
    const std::span<const T> from_k = in_type(k, converted);
    T* const panel = keys_ + key / kKeyBlock * kKeyBlock * depth_;
    for (size_t d = 0; d < from_k.size(); ++d) panel[place<T>(d, key % kKeyBlock)] = from_k[d];
    const std::span<const T> from_v = in_type(v, converted);
    for (size_t d = 0; d < from_v.size(); ++d) *value(key, d) = from_v[d];
  }

  // The parent's keys from `first`, the start of a block, up to `end`.
  void copy(const HeadStore& parent, size_t first, size_t end) {
    std::copy_n(parent.keys_ + first * depth_, kKeyBlock * depth_, keys_ + first * depth_);
    for (size_t d = 0; d < width_; d += kPanelWidth)
      std::copy_n(parent.value(first, d), kPanelWidth * std::min(kKeyBlock, round_up(end - first, kKeyGroup)),
                  value(first, d));
    if (end < first + kKeyBlock && end % kKeyGroup != 0) clear_values(end);
  }

 private:
  T* value(size_t key, size_t d) const {
    return values_ + d / kPanelWidth * capacity_ * kPanelWidth + place<T>(key, d % kPanelWidth);
  }
  // From `key` to the end of its group.
  void clear_values(size_t key) {
    for (size_t i = key; i < round_up(key + 1, kKeyGroup); ++i)
      for (size_t d = 0; d < width_; ++d) *value(i, d) = T{};
  }

  T *keys_, *values_;
  size_t depth_, width_, capacity_;
};

// A block of keys of one segment and one head: no two blocks write the same place.
struct KeyBlock {
  const Segment* segment;
  size_t kv_head, first_key;
};

template <class T>
void store_block(const KeyBlock& block, MatrixView k, MatrixView v, size_t head_dim, size_t layer, CpuKvCache& cache) {
  const Segment& segment = *block.segment;
  const size_t past = cache.length(segment.sequence);
  HeadStore<T> store(cache, layer, segment.sequence, block.kv_head);
  if (segment.parent != kNoParent && block.first_key < segment.shared)
    store.copy(HeadStore<T>(cache, layer, segment.parent, block.kv_head), block.first_key, segment.shared);
  const size_t end = std::min(block.first_key + kKeyBlock, past + segment.count);
  for (size_t key = std::max(block.first_key, past); key < end; ++key) {
    const size_t row = segment.first + key - past, column = block.kv_head * head_dim;
    store.put(key, k.row(row).subspan(column, head_dim), v.row(row).subspan(column, head_dim));
  }
}

std::vector<KeyBlock> blocks_of(std::span<const Segment> segments, bool children, size_t kv_heads, const CpuKvCache& cache) {
  std::vector<KeyBlock> blocks;
  for (const Segment& segment : segments) {
    if ((segment.parent != kNoParent) != children) continue;
    const size_t past = cache.length(segment.sequence);
    EH_ASSERT(past + segment.count <= cache.capacity(segment.sequence));
    for (size_t key = children ? 0 : past / kKeyBlock * kKeyBlock; key < past + segment.count; key += kKeyBlock)
      for (size_t h = 0; h < kv_heads; ++h) blocks.push_back({&segment, h, key});
  }
  return blocks;
}

}  // namespace

CpuKvCache::CpuKvCache(const AttentionShape& shape, size_t layers, std::span<const size_t> capacities, Dtype dtype)
    : kv_heads_(shape.kv_heads), depth_(round_up(shape.head_dim, kKeyGroup)),
      width_(round_up(shape.head_dim, kPanelWidth)), layers_(layers), dtype_(dtype) {
  for (const size_t capacity : capacities) {
    const size_t keys = round_up(capacity, kKeyBlock);
    const size_t values = keys * (depth_ + width_) * kv_heads_ * layers;
    sequences_.push_back({keys, 0, AlignedVector<std::byte>(values * dtype_bytes(dtype))});
  }
}

size_t CpuKvCache::bytes() const {
  size_t sum = 0;
  for (const Sequence& s : sequences_) sum += s.memory.size();
  return sum;
}

void store_in_cache(MatrixView k, MatrixView v, std::span<const Segment> segments, const AttentionShape& shape,
                    size_t layer, CpuKvCache& cache) {
  // Parents first: their keys are there when a child copies them.
  for (const bool children : {false, true}) {
    const std::vector<KeyBlock> blocks = blocks_of(segments, children, shape.kv_heads, cache);
    parallel_for(blocks.size(), [&](size_t i) {
      if (cache.dtype() == Dtype::bf16)
        store_block<uint16_t>(blocks[i], k, v, shape.head_dim, layer, cache);
      else if (cache.dtype() == Dtype::f16)
        store_block<Half>(blocks[i], k, v, shape.head_dim, layer, cache);
      else
        store_block<float>(blocks[i], k, v, shape.head_dim, layer, cache);
    });
  }
}

}  // namespace evalharness
