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

class CpuKvCache final : public KvCache {
 public:
  CpuKvCache(const AttentionShape& shape, size_t layers, std::span<const size_t> capacities, Dtype dtype);

  size_t length(size_t sequence) const override { return sequences_[sequence].length; }
  void set_length(size_t sequence, size_t tokens) override {
    EH_ASSERT(tokens <= sequences_[sequence].capacity);
    sequences_[sequence].length = tokens;
  }
  size_t bytes() const override;

  Dtype dtype() const { return dtype_; }
  size_t depth() const { return depth_; }  // head_dim of a key, padded with zeros to a product's depth
  size_t width() const { return width_; }  // head_dim of a value, padded with zeros to whole panels
  size_t capacity(size_t sequence) const { return sequences_[sequence].capacity; }
  // T is the cache's type: float, uint16_t (bfloat16) or Half. Keys are [capacity / 64] panels of `depth` rows, values [width / 64]
  // panels of `capacity` rows.
  template <class T>
  T* keys(size_t layer, size_t sequence, size_t kv_head) {
    Sequence& s = sequences_[sequence];
    const size_t head = (layer % layers_) * kv_heads_ + kv_head;
    return reinterpret_cast<T*>(s.memory.data()) + head * s.capacity * (depth_ + width_);
  }
  template <class T>
  T* values(size_t layer, size_t sequence, size_t kv_head) {
    return keys<T>(layer, sequence, kv_head) + capacity(sequence) * depth_;
  }

 private:
  struct Sequence {
    size_t capacity, length;
    AlignedVector<std::byte> memory;
  };
  size_t kv_heads_, depth_, width_, layers_;
  Dtype dtype_;
  std::vector<Sequence> sequences_;
};

// Puts k and v [tokens, kv_heads * head_dim] of the segments behind each sequence's length, after what a child has
// from its parent.
void store_in_cache(MatrixView k, MatrixView v, std::span<const Segment> segments, const AttentionShape& shape,
                    size_t layer, CpuKvCache& cache);

}  // namespace evalharness
