// Keys and values of the CPU backend, stored as the panels that products read (see harness/math/gemm.h): scores of 64
// keys are a product of queries with a panel of `depth` rows, what they bring is a product of their weights with panels
// of as many rows as there are keys. The type of the cache is the type of the products, but for halves: they are stored as
// float32 would be, and widened for its products.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/backend/backend.h"
#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/math/aligned.h"

namespace evalharness {

// Keys of a block: a panel of keys; what is written to the cache at once.
inline constexpr size_t kKeyBlock = kPanelWidth;
// Weights are multiplied in groups of so many keys: a product's depth.
inline constexpr size_t kKeyGroup = 32;
static_assert(kKeyGroup % kDepthMultipleF32 == 0 && kKeyGroup % kDepthMultipleBf16 == 0);

struct Half {
  uint16_t bits;
};

// One head of one sequence in one layer, from key `first` on, which begins a block: keys are panels of `depth` rows, values [width / 64]
// panels of `room` rows. T is the cache's type: float, uint16_t (bfloat16) or Half.
template <class T>
struct CacheHead {
  T *keys, *values;
  size_t first, room, depth;

  T* key_panel(size_t key) const { return keys + (key - first) * depth; }  // of the block that begins with `key`
  // Dimensions of d's panel, from `key` on, which begins a group.
  T* value_panel(size_t key, size_t d) const { return values + (d / kPanelWidth * room + key - first) * kPanelWidth; }
};

class CpuKvCache final : public KvCache {
 public:
  CpuKvCache(const AttentionShape& shape, size_t layers, std::span<const size_t> capacities, Dtype dtype);

  size_t add(const CacheSequence& sequence) override;
  void drop(size_t first) override { sequences_.resize(first); }
  size_t length(size_t sequence) const override { return sequences_[sequence].length; }
  void set_length(size_t sequence, size_t tokens) override {
    EH_ASSERT(tokens <= sequences_[sequence].capacity && tokens >= sequences_[sequence].shared);
    sequences_[sequence].length = tokens;
  }
  size_t bytes() const override;

  Dtype dtype() const { return dtype_; }
  size_t sequences() const { return sequences_.size(); }
  size_t depth() const { return depth_; }  // head_dim of a key, padded with zeros to a product's depth
  size_t width() const { return width_; }  // head_dim of a value, padded with zeros to whole panels
  size_t capacity(size_t sequence) const { return sequences_[sequence].capacity; }
  size_t parent(size_t sequence) const { return sequences_[sequence].parent; }
  size_t shared(size_t sequence) const { return sequences_[sequence].shared; }

  // Whose memory holds `key` of a sequence, its own or that of one it descends from, and the keys up to `end`.
  struct Holder {
    size_t sequence, end;
  };
  Holder holder(size_t sequence, size_t key) const;
  template <class T>
  CacheHead<T> head(size_t layer, size_t sequence, size_t kv_head) {
    Sequence& s = sequences_[sequence];
    const size_t index = (layer % s.layers) * kv_heads_ + kv_head, room = s.capacity - s.first;
    T* const keys = reinterpret_cast<T*>(s.memory.data()) + index * room * (depth_ + width_);
    return {keys, keys + room * depth_, s.first, room, depth_};
  }

 private:
  struct Sequence {
    size_t capacity, layers, parent, shared, length;
    size_t first;  // key that the memory begins with: of the block in which the sequence leaves its parent
    AlignedVector<std::byte> memory;
  };
  size_t kv_heads_, depth_, width_;
  Dtype dtype_;
  std::vector<Sequence> sequences_;
};

// Puts k and v [tokens, kv_heads * head_dim] of the segments behind each sequence's length, after what it takes over, and
// after what its parent has of the block in which it leaves it.
void store_in_cache(MatrixView k, MatrixView v, std::span<const Segment> segments, const AttentionShape& shape,
                    size_t layer, CpuKvCache& cache);

}  // namespace evalharness
