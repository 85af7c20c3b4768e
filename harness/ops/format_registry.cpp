#include "harness/ops/format_registry.h"

#include <map>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::map<std::string, WeightFormat>& registry() {
  static std::map<std::string, WeightFormat> formats;
  return formats;
}

std::string all_examples() {
  std::vector<std::string> names, combinators;
  for (const auto& [prefix, format] : registry()) {
    if (prefix.ends_with("("))
      combinators.push_back(cat(prefix, "...)"));
    else
      names.insert(names.end(), format.examples.begin(), format.examples.end());
  }
  names.insert(names.end(), combinators.begin(), combinators.end());
  return join(names, " ");
}

}  // namespace

RegisterFormat::RegisterFormat(WeightFormat format) {
  const std::string prefix = format.prefix;
  EH_ASSERT(registry().emplace(prefix, std::move(format)).second);
}

std::vector<WeightFormat> weight_formats() {
  std::vector<WeightFormat> formats;
  for (const auto& [prefix, format] : registry()) formats.push_back(format);
  return formats;
}

WeightFormat weight_format(const std::string& name) {
  const WeightFormat* best = nullptr;
  for (const auto& [prefix, format] : registry()) {
    if (!name.starts_with(prefix)) continue;
    if (best == nullptr || prefix.size() > best->prefix.size()) best = &format;
  }
  if (best == nullptr) {
    fail(cat("unknown weight format '", name, "'; there are: ", all_examples()));
  }
  return *best;
}

LinearPtr load_linear(const std::string& format, size_t out, size_t in,
                      const MemoryTensors& parts) {
  return weight_format(format).load(format, out, in, parts);
}

LinearPtr nearest_weight(const std::string& format, MatrixView w) { return weight_format(format).nearest(format, w); }

Dtype dtype_of_format(const std::string& format) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    if (format.ends_with(cat(".", dtype_name(dtype)))) return dtype;
  }
  fail(cat("unknown weight format '", format, "'; there are: ", all_examples()));
}

const StoredTensor& stored_part(const MemoryTensors& parts, const std::string& what,
                                const std::string& name) {
  const auto found = parts.parts().find(name);
  if (found == parts.parts().end()) fail(cat(what, ": no part '", name, "'"));
  return found->second;
}

void check_part_bytes(const StoredTensor& part, const std::string& what, const std::string& name,
                      size_t expected) {
  if (part.bytes.size() == expected) return;
  fail(cat(what, ": part '", name, "': expected ", expected, " bytes, got ", part.bytes.size()));
}

}  // namespace evalharness
