// Prefixes that neighbouring sequences have in common, found once by the plan and once by the batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace evalharness {

inline constexpr size_t kLeastShared = 8;  // tokens: copying keys and an own segment cost about that much

// Neighbours [first, first + count) begin with the same `shared` tokens; 0 where that is not worth a
// sequence of its own.
struct PrefixGroup {
  size_t first = 0, count = 0, shared = 0;
};

// Grows a group sequence by sequence: the choices of one question, the documents behind one header.
class PrefixGrouper {
 public:
  // Whether `tokens` joined the group; else it starts the next one.
  bool join(std::span<const int32_t> tokens);
  size_t shared() const { return count_ > 1 ? shared_ : 0; }
  size_t count() const { return count_; }
  // Rows that the group costs: the prefix once, and what follows it in each sequence.
  size_t rows() const;

 private:
  std::vector<int32_t> prefix_;  // the first `shared_` are common to all
  size_t shared_ = 0, count_ = 0, tokens_ = 0;
};

std::vector<PrefixGroup> group_by_prefix(std::span<const std::span<const int32_t>> sequences);

}  // namespace evalharness
