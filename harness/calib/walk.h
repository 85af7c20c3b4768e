// The activations of calibration samples on their way through a model, block by block or half a block at a time.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "harness/model/transformer.h"

namespace evalharness {

// Token ids, each sample of the same length.
using Samples = std::span<const std::vector<int32_t>>;

class Walk {
 public:
  // Stands in front of the first block. All are borrowed; blocks are bound anew for each run, since they change.
  Walk(Samples samples, const Model& model, const Backend& backend);

  // Through a block, or half of one: its outputs take the place of its inputs. The observer may be null.
  void advance(const Block& block, const InputObserver& observer);
  void advance_attention(const Block& block);
  void advance_mlp(const Block& block);

  // Shows the inputs of all layers of the block ahead,
  void observe(const Block& block, const InputObserver& observer);
  // or those up to `last` of the half ahead.
  void observe_attention(const Block& block, const InputObserver& observer, Linear last);
  void observe_mlp(const Block& block, const InputObserver& observer, Linear last);

  size_t length() const { return length_; }  // tokens of a sample
  // What ran so far, by products with weights of the blocks: in passes of so many tokens through all of them.
  double passes(size_t tokens) const;

 private:
  struct Part;  // some samples' share of a run
  void run(const Block& block, std::span<const Linear> multiplied, const std::function<void(const Part&)>& forward);

  Samples samples_;
  const Model& model_;
  const Backend& backend_;
  size_t length_;
  double products_ = 0;  // of a weight and a token
  RopeTable rope_;
  Matrix x_;  // [samples * length, hidden]
  Workspace workspace_;
};

}  // namespace evalharness
