#include "methods/rounding.h"

#include <algorithm>

#include "harness/base/text.h"
#include "harness/ops/int_group.h"
#include "harness/ops/quantised_input.h"
#include "harness/ops/sparse_bitmask_int.h"
#include "harness/ops/uniform_grid.h"

namespace evalharness {

size_t read_bits(const ConfigNode& options) {
  const size_t bits = options.get("bits", size_t{4});
  if (bits < 2 || bits > 8) options.fail_at("bits", cat("expected 2..8, got ", bits));
  return bits;
}

size_t read_group(const ConfigNode& options) {
  const auto group = options.find("group");
  if (group && group->as_string() == "row") return 0;
  const size_t inputs = options.get("group", size_t{128});
  if (inputs == 0 || inputs % 16 != 0)
    options.fail_at("group", cat("expected a multiple of 16, or row, got ", inputs));
  return inputs;
}

ActivationRounding::ActivationRounding(const ConfigNode& options, const std::string& standard)
    : how_(options.get_one_of("activations", {"int8", "int8_tensor", "int8_static", "keep"}, standard)) {}

LinearPtr ActivationRounding::before(LinearPtr op, std::span<const float> maxima) const {
  if (how_ == "keep") return op;
  if (how_ == "int8") return make_quantised_input(std::move(op));
  if (how_ == "int8_tensor") return make_tensor_quantised_input(std::move(op));
  const float largest = std::ranges::max(maxima);
  return make_static_quantised_input(largest > 0 ? largest / 127 : 1, std::move(op));  // inputs that are always zero: any scale
}

LinearPtr store_codes(const QuantisedMatrix& q, const Layer& layer) {
  return layer.pruned() ? make_sparse_bitmask_int(q, layer.dtype) : make_int_group(q, layer.dtype);
}

LinearPtr round_rows_to_int8(MatrixView w, Dtype dtype) {
  const Rounding rounding{.bits = 8, .group = 0, .fit = UniformGrid::absmax, .symmetric = true, .dtype = dtype};
  return make_int_group(round_to_grid(w, rounding), dtype);
}

LinearPtr round_matrix_to_int8(MatrixView w, Dtype dtype) {
  Range range;
  for (size_t i = 0; i < w.rows; ++i) {
    const Range row = range_of(w.row(i));
    range = {std::min(range.low, row.low), std::max(range.high, row.high)};
  }
  const UniformGrid grid = UniformGrid::absmax(8, range).as_stored(dtype);
  QuantisedMatrix q{.bits = 8, .group = 0, .out = w.rows, .in = w.cols, .codes = {}, .scales = Matrix(w.rows, 1), .zeros = {}};
  std::ranges::fill(q.scales.values(), grid.scale);
  for (size_t i = 0; i < w.rows; ++i)
    for (const float value : w.row(i)) q.codes.push_back(grid.code(value));
  return make_int_group(q, dtype);
}

}  // namespace evalharness
