// What a config calls for, checked against the tensors that a file has: all of them, and no other,
// since a tensor without a place means a model that would be computed wrongly.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/model/model_config.h"

namespace evalharness {

using TensorShapes = std::map<std::string, std::vector<size_t>>;  // of a file's tensors

class TensorCheck {
 public:
  // Both are borrowed. Fails where the tensors are too few for the config's layers: names for every
  // layer are made by the caller, and a made-up count must not fill the memory.
  TensorCheck(const std::string& path, const ModelConfig& config, TensorShapes shapes);
  // Fails unless a tensor of this name and shape is there.
  void place(const std::string& name, const std::vector<size_t>& shape);
  // Fails on a tensor that has no place and is not ignored.
  void finish(const std::function<bool(const std::string& name)>& is_ignored) const;

 private:
  const std::string& path_;
  const ModelConfig& config_;
  TensorShapes unplaced_;
};

}  // namespace evalharness
