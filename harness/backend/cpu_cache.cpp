#include "harness/backend/cpu_cache.h"

#include <algorithm>
#include <cstring>

#include "harness/base/parallel.h"
#include "harness/math/convert.h"

namespace evalharness {
namespace {

// Rows that lie side by side in a panel of T.
template <class T>
constexpr size_t kBeside = std::is_same_v<T, uint16_t> ? 2 : 1;

void in_type(std::span<const float> row, float* to) { std::ranges::copy(row, to); }
void in_type(std::span<const float> row, uint16_t* to) { to_bfloat16(row, to); }
void in_type(std::span<const float> row, Half* to) {
  static_assert(sizeof(Half) == sizeof(uint16_t));
  to_float16(row, &to->bits);
}

// Writes one head of one sequence in one layer.
template <class T>
class HeadStore {
 public:
  HeadStore(CpuKvCache& cache, size_t layer, size_t sequence, size_t kv_head)
      : head_(cache.head<T>(layer, sequence, kv_head)), width_(cache.width()) {}

  void put_key(size_t key, std::span<const float> k) {
    const T* const from = converted(k, 0);
    T* const panel = head_.key_panel(key / kKeyBlock * kKeyBlock) + key % kKeyBlock * kBeside<T>;
    for (size_t d = 0; d < k.size(); d += kBeside<T>) std::copy_n(from + d, kBeside<T>, panel + d * kPanelWidth);
  }

  // Of `key` and, where it is there, the one that lies beside it.
  void put_values(size_t key, std::span<const float> v, std::span<const float> beside) {
    // What a sequence before left behind `key` may be no number, and a weight of zero would not hide it.
    if (key % kKeyGroup == 0) clear_values(key);
    const T* const from = converted(v, 0);
    const T* const second = beside.empty() ? nullptr : converted(beside, 1);
    for (size_t d = 0; d < width_; d += kPanelWidth) {
      const size_t width = std::min(kPanelWidth, v.size() - d);
      if (second != nullptr)
        put_two(from + d, second + d, width, value(key, d));
      else
        for (size_t j = 0; j < width; ++j) value(key, d)[j * kBeside<T>] = from[d + j];
    }
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
  // The first value of `key` in the panel of dimension d; the others follow kBeside apart.
  T* value(size_t key, size_t d) const {
    const size_t side = key % kBeside<T>;
    return head_.value_panel(key - side, d) + side;
  }
  static void put_two(const T* first, const T* second, size_t count, T* to) {
    for (size_t j = 0; j < count; ++j) {
      to[2 * j] = first[j];
      to[2 * j + 1] = second[j];
    }
  }
  // From `key` to the end of its group.
  void clear_values(size_t key) {
    for (size_t i = key; i < round_up(key + 1, kKeyGroup); ++i)
      for (size_t d = 0; d < width_; d += kPanelWidth)
        for (size_t j = 0; j < kPanelWidth; ++j) value(i, d)[j * kBeside<T>] = T{};
  }
  // A row in the cache's type, padded with zeros to whole panels; two are kept.
  const T* converted(std::span<const float> row, size_t which) const {
    thread_local std::vector<T> rows[2];
    rows[which].resize(width_);
    in_type(row, rows[which].data());
    return rows[which].data();
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
  const auto of = [&](MatrixView rows, size_t key) { return rows.row(segment.first + key - past).subspan(block.kv_head * head_dim, head_dim); };
  const size_t begin = std::max(block.first_key, past);
  for (size_t key = begin; key < end; ++key) store.put_key(key, of(k, key));
  for (size_t key = begin; key < end;) {
    const bool two = key % kBeside<T> + 1 < kBeside<T> && key + 1 < end;
    store.put_values(key, of(v, key), two ? of(v, key + 1) : std::span<const float>());
    key += two ? 2 : 1;
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
  EH_ASSERT(shape.head_dim % 2 == 0);  // rotary pairs
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
