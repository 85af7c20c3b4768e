// The walk over the blocks, written once: capture the inputs of each linear layer, gather what the method
// asks for, let it replace the weights, run the block again so that the next one sees compressed outputs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/backend/backend.h"
#include "harness/calib/inputs.h"
#include "harness/calib/sampler.h"
#include "harness/model/model.h"
#include "harness/result/run_result.h"

namespace evalharness {

// A layer on its turn: the whole weight of a slot, or one of the leaves where that is a tree (the factors of a
// chain, each with inputs of its own).
struct Layer {
  const Slot& slot;
  const LinearOp& op;
  size_t block;
  Linear linear;
  Dtype dtype;                                   // of values in what replaces it
  Matrix weight() const { return op.to_dense(); }  // [out, in]
  // Whether its inputs are those of the layer before it in the walk: what was computed from them alone still holds.
  bool same_inputs = false;
  // Whether the zeros of weight() are places that an earlier step pruned: a method that moves weights lets them be.
  bool pruned() const { return op.pruned(); }
};

// The weight of a slot as it was before the step ahead of this one: [out, in].
using Originals = std::function<Matrix(const std::string& slot_name)>;

// What is to replace a layer's weight; null leaves it as it is.
using Compressor = std::function<LinearPtr(const Layer& layer, const Inputs& inputs)>;

class Calibration {
 public:
  // `backend` is borrowed. The set may be empty for methods that need no inputs, `originals` for those that ask
  // for no weight from before the methods ahead of them.
  Calibration(CalibrationSet set, const Backend& backend, Originals originals = nullptr)
      : set_(std::move(set)), backend_(backend), originals_(std::move(originals)) {}

  const CalibrationSet& set() const { return set_; }
  const Backend& backend() const { return backend_; }
  // Fails where the set is empty.
  void require_text() const;
  // The weight of a slot of that name before the step ahead of this one: [out, in].
  Matrix original(const std::string& slot_name) const;
  // Replaces the weight of every slot of every block by what `compress` makes of it; of a tree of weights each
  // leaf, and the combinators around them stay. All seven layers of a block are seen with inputs from one forward of
  // the block as it was (unless needs.true_sequential); its inputs come from the compressed blocks before it. Fails on
  // an input that is not finite, naming the layer, the sample and the token.
  // With needs.gram the reported output error of a leaf is over all inputs, else over the first 512.
  std::vector<LayerReport> sweep(Model& model, Needs needs, const Compressor& compress) const;
  // The same walk, looking only. `see` may change the block's weights meanwhile if it puts them back.
  void observe(Model& model, Needs needs, const std::function<void(const Layer&, const Inputs&)>& see) const;
  // How often the blocks ran over the whole set, in all walks so far, by products with their weights: what calibration
  // costs, whatever the machine.
  double passes() const { return passes_; }

 private:
  CalibrationSet set_;
  const Backend& backend_;
  Originals originals_;
  mutable double passes_ = 0;
};

}  // namespace evalharness
