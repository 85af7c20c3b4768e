#include "harness/model/tensor_check.h"

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/printable.h"

namespace evalharness {
namespace {

std::string shape_text(const std::vector<size_t>& shape) {
  std::vector<std::string> lengths;
  for (const size_t length : shape) lengths.push_back(std::to_string(length));
  return cat("[", join(lengths, ", "), "]");
}

}  // namespace

TensorCheck::TensorCheck(const std::string& path, const ModelConfig& config, TensorShapes shapes)
    : path_(path), config_(config), unplaced_(std::move(shapes)) {
  if (config.layers > unplaced_.size())
    fail(cat(path, ": ", unplaced_.size(), " tensors cannot make ", config.layers, " layers"));
}

void TensorCheck::place(const std::string& name, const std::vector<size_t>& shape) {
  const auto found = unplaced_.find(name);
  if (found == unplaced_.end())
    fail(cat(path_, ": missing tensor '", name, "', expected ", shape_text(shape)));
  if (found->second != shape)
    fail(cat(path_, ": tensor '", name, "': expected ", shape_text(shape), ", got ",
             shape_text(found->second)));
  unplaced_.erase(found);
}

void TensorCheck::finish(const std::function<bool(const std::string& name)>& is_ignored) const {
  for (const auto& [name, shape] : unplaced_)
    if (!is_ignored(name))
      fail(cat(path_, ": tensor '", printable(name), "' has no place in architecture '",
               config_.architecture, "'"));
}

}  // namespace evalharness
