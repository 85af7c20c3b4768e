// The walk over the blocks, written once: capture the inputs of each linear layer, gather what the method
// asks for, let it replace the weights, run the block again so that the next one sees compressed outputs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/backend/backend.h"
#include "harness/calib/sampler.h"
#include "harness/model/model.h"
#include "harness/result/run_result.h"

namespace evalharness {

// What a method wants to know of a layer's inputs X [tokens, in]. All false: the blocks are not run.
struct Needs {
  bool column_norms = false;
};

// Statistics of one layer's inputs over the whole calibration set.
class Inputs {
 public:
  Inputs() = default;
  Inputs(std::vector<double> squares, size_t samples) : squares_(std::move(squares)), samples_(samples) {}
  // sqrt(sum over tokens of x_j^2 / samples) of each input j: [in]. The scale is Wanda's scaler_row.
  std::vector<float> column_norms() const;

 private:
  std::vector<double> squares_;
  size_t samples_ = 0;
};

// A layer on its turn.
struct Layer {
  const Slot& slot;
  size_t block;
  Linear linear;
  Dtype dtype;                                   // of values in what replaces it
  Matrix weight() const { return slot.op->to_dense(); }  // [out, in]
};

using Compressor = std::function<LinearPtr(const Layer& layer, const Inputs& inputs)>;

class Calibration {
 public:
  // `backend` is borrowed. The set may be empty for methods that need no inputs.
  Calibration(CalibrationSet set, const Backend& backend) : set_(std::move(set)), backend_(backend) {}

  const CalibrationSet& set() const { return set_; }
  // Replaces the weight of every slot of every block by what `compress` makes of it. All seven layers of
  // a block are seen with inputs from one forward of the block as it was; its inputs come from the compressed
  // blocks before it. Fails on a NaN among the inputs, naming block and layer.
  std::vector<LayerReport> sweep(Model& model, Needs needs, const Compressor& compress) const;

 private:
  CalibrationSet set_;
  const Backend& backend_;
};

}  // namespace evalharness
