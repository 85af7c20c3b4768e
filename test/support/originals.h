// The weights of a model under the names of its slots, for methods that ask for what was there before others.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "harness/calib/calibration.h"

namespace evalharness {

inline Originals originals_of(const Model& model) {
  std::map<std::string, Matrix> weights;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) weights[slot.name] = slot.op->to_dense();
  return [weights = std::move(weights)](const std::string& slot_name) { return weights.at(slot_name); };
}

}  // namespace evalharness
