#include "test/support/weight_cases.h"

#include <map>
#include <tuple>

#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/ops/format_registry.h"

namespace evalharness::test {

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const WeightFormat& format : weight_formats()) {
    names.insert(names.end(), format.examples.begin(), format.examples.end());
  }
  return names;
}

Matrix half_zero_matrix(size_t rows, size_t cols) {
  Rng rng(rows * 100003 + cols, "test.weight");
  Matrix m(rows, cols);
  for (float& value : m.values()) value = rng.below(2) == 0 ? 0 : static_cast<float>(rng.normal());
  return m;
}

const LinearOp* weight_or_null(const std::string& format, size_t out, size_t in) {
  static std::map<std::tuple<std::string, size_t, size_t>, LinearPtr> made;  // many tests want the same ones
  const auto [place, is_new] = made.try_emplace({format, out, in});
  if (is_new) {
    try {
      place->second = weight_format(format).nearest(format, half_zero_matrix(out, in).view());
    } catch (const Error&) {
    }
  }
  return place->second.get();
}

}  // namespace evalharness::test
