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

// Writes one head of one sequence in one layer.
template <class T>
class HeadStore {
 public:
  HeadStore(CpuKvCache& cache, size_t layer, size_t sequence, size_t kv_head)
      : head_(cache.head<T>(layer, sequence, kv_head)), width_(cache.width()) {}

  void put(size_t key, std::span<const float> k, std::span<const float> v) {
    // What a sequence before left behind `key` may be no number, and a weight of zero would not hide it.
    if (key % kKeyGroup == 0) clear_values(key);
    thread_local std::vector<T> converted;
    const std::span<const T> from_k = in_type(k, converted);
    T* const panel = head_.key_panel(key / kKeyBlock * kKeyBlock);
    for (size_t d = 0; d < from_k.size(); ++d) panel[place<T>(d, key % kKeyBlock)] = from_k[d];
    const std::span<const T> from_v = in_type(v, converted);
    for (size_t d = 0; d < from_v.size(); ++d) *value(key, d) = from_v[d];
  }

  // Another's keys from `first`, the start of a block, up to `end`.
  void copy(const CacheHead<T>& from, size_t first, size_t end) {
    std::copy_n(from.key_panel(first), kKeyBlock * head_.depth, head_.key_panel(first));
    for (size_t d = 0; d < width_; d += kPanelWidth)
      std::copy_n(from.value_panel(first, d), kPanelWidth * std::min(kKeyBlock, round_up(end - first, kKeyGroup)),
                  head_.value_panel(first, d));
    if (end < first + kKeyBlock && end % kKeyGroup != 0) clear_values(end);
  }

 private:
  T* value(size_t key, size_t d) const {
    return head_.value_panel(key / kKeyGroup * kKeyGroup, d) + place<T>(key % kKeyGroup, d % kPanelWidth);
  }
  // From `key` to the end of its group.
  void clear_values(size_t key) {
    for (size_t i = key; i < round_up(key + 1, kKeyGroup); ++i)
      for (size_t d = 0; d < width_; ++d) *value(i, d) = T{};
  }

  CacheHead<T> head_;
  size_t width_;
};

// A block of keys of one segment and one head: no two blocks write the same place.
struct KeyBlock {
  const Segment* segment;
  size_t kv_head, first_key;
};

// What a segment puts in front of its own keys.
struct Beginning {
  size_t of = kNoParent;             // the sequence that it is copied from
  size_t first_block = 0, keys = 0;  // [first_block, keys)
};

Beginning beginning(const Segment& segment, const CpuKvCache& cache) {
  const size_t past = cache.length(segment.sequence);
  if (segment.taken_from != kNoParent) return {segment.taken_from, 0, segment.shared};
  const bool leaves_parent = cache.parent(segment.sequence) != kNoParent && past == cache.shared(segment.sequence);
  return {leaves_parent ? cache.parent(segment.sequence) : kNoParent, past / kKeyBlock * kKeyBlock, past};
}

template <class T>
void store_block(const KeyBlock& block, MatrixView k, MatrixView v, size_t head_dim, size_t layer, CpuKvCache& cache) {
  const Segment& segment = *block.segment;
  const size_t past = cache.length(segment.sequence);
  HeadStore<T> store(cache, layer, segment.sequence, block.kv_head);
  const Beginning begins = beginning(segment, cache);
  if (begins.of != kNoParent && block.first_key < begins.keys)
    store.copy(cache.head<T>(layer, cache.holder(begins.of, block.first_key).sequence, block.kv_head), block.first_key, begins.keys);
  const size_t end = std::min(block.first_key + kKeyBlock, past + segment.count);
  for (size_t key = std::max(block.first_key, past); key < end; ++key) {
    const size_t row = segment.first + key - past, column = block.kv_head * head_dim;
    store.put(key, k.row(row).subspan(column, head_dim), v.row(row).subspan(column, head_dim));
  }
}

// Blocks that segments write, by levels: what one copies is there when the levels before are written.
std::vector<std::vector<KeyBlock>> blocks_of(std::span<const Segment> segments, size_t kv_heads, const CpuKvCache& cache) {
  std::vector<std::vector<KeyBlock>> levels;
  std::vector<size_t> first_level(cache.sequences(), 0);  // at which one that begins like this sequence may be written
  for (const Segment& segment : segments) {
    const size_t end = cache.length(segment.sequence) + segment.count;
    EH_ASSERT(end <= cache.capacity(segment.sequence));
    const Beginning begins = beginning(segment, cache);
    const size_t level = begins.of == kNoParent ? 0 : first_level[begins.of];
    first_level[segment.sequence] = level + 1;
    levels.resize(std::max(levels.size(), level + 1));
    for (size_t key = begins.first_block; key < end; key += kKeyBlock)
      for (size_t h = 0; h < kv_heads; ++h) levels[level].push_back({&segment, h, key});
  }
  return levels;
}

}  // namespace

CpuKvCache::CpuKvCache(const AttentionShape& shape, size_t layers, std::span<const size_t> capacities, Dtype dtype)
    : kv_heads_(shape.kv_heads), depth_(round_up(shape.head_dim, kKeyGroup)), width_(round_up(shape.head_dim, kPanelWidth)),
      dtype_(dtype) {
  for (const size_t capacity : capacities) add({.capacity = capacity, .layers = layers});
}

size_t CpuKvCache::add(const CacheSequence& s) {
  EH_ASSERT(s.shared <= s.capacity);
  EH_ASSERT(s.parent == kNoParent ? s.shared == 0 : s.parent < sequences_.size() && s.shared <= sequences_[s.parent].capacity);
  const size_t capacity = round_up(s.capacity, kKeyBlock), first = s.shared / kKeyBlock * kKeyBlock;
  const size_t values = (capacity - first) * (depth_ + width_) * kv_heads_ * s.layers;
  sequences_.push_back({capacity, s.layers, s.parent, s.shared, s.shared, first, AlignedVector<std::byte>(values * dtype_bytes(dtype_))});
  return sequences_.size() - 1;
}

CpuKvCache::Holder CpuKvCache::holder(size_t sequence, size_t key) const {
  size_t end = capacity(sequence);
  while (key < sequences_[sequence].first) {
    end = std::min(end, sequences_[sequence].first);
    sequence = sequences_[sequence].parent;
  }
  return {sequence, end};
}

size_t CpuKvCache::bytes() const {
  size_t sum = 0;
  for (const Sequence& s : sequences_) sum += s.memory.size();
  return sum;
}

void store_in_cache(MatrixView k, MatrixView v, std::span<const Segment> segments, const AttentionShape& shape,
                    size_t layer, CpuKvCache& cache) {
  for (const std::vector<KeyBlock>& blocks : blocks_of(segments, shape.kv_heads, cache)) {
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
