// What sequences have in common with the one before them, as a tree: a few-shot header, behind it each question, behind a question
// its choices. Built by the plan, which wants to know what a batch costs, and by the batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace evalharness {

inline constexpr size_t kLeastShared = 8;  // tokens: an own segment, and copying up to a block of keys, cost about that much

// Tokens that both begin with.
size_t common_beginning(std::span<const int32_t> a, std::span<const int32_t> b);

// Tokens [begin, end) of the sequences that run through it; what they begin with is in the parent.
struct PrefixNode {
  size_t parent = SIZE_MAX;  // SIZE_MAX: begins at 0
  size_t begin = 0, end = 0;
  size_t sequence = 0;  // one that runs through it
};

class PrefixTree {
 public:
  // Tokens of the next sequence that are there: those that it has in common with the last one, but for the last few where
  // they are not worth a node.
  size_t shared_with(std::span<const int32_t> tokens) const { return fork(tokens).shared; }
  // Adds the next sequence; returns shared_with(tokens).
  size_t add(std::span<const int32_t> tokens);
  size_t rows() const { return rows_; }  // tokens of all nodes
  // A node's tokens begin behind those of its parent: ordered by `begin` parents come before children.
  const std::vector<PrefixNode>& nodes() const { return nodes_; }
  // The node that each sequence ends with; SIZE_MAX of an empty one.
  const std::vector<size_t>& ends() const { return ends_; }

 private:
  struct Fork {  // where the next sequence leaves the last one
    size_t kept = 0;  // nodes of the path that it runs through whole
    size_t shared = 0;
  };
  Fork fork(std::span<const int32_t> tokens) const;
  void split(size_t node, size_t at);  // its beginning becomes its parent

  std::vector<int32_t> last_;  // the last sequence's tokens
  std::vector<size_t> path_;   // its nodes
  std::vector<PrefixNode> nodes_;
  std::vector<size_t> ends_;
  size_t rows_ = 0;
};

}  // namespace evalharness
