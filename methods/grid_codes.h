// Codes of a weight whose columns are fixed one after another (methods/obs.h), with grids that are fitted on the way.
#pragma once

#include <vector>

#include "harness/base/config_node.h"
#include "harness/math/linalg.h"
#include "harness/ops/uniform_grid.h"

namespace evalharness {

// Reads `bits`, `group`, `sym` and `mse`: a grid by GPTQ's Quantizer.
Rounding read_gptq_rounding(const ConfigNode& options);

using Order = std::vector<size_t>;  // of columns: order[j] is the column that has turn j
Order in_place(size_t columns);

// The grids of all groups and the codes, in the matrix' own order of columns; weights [out, in] come in the order of turns.
class GridCodes {
 public:
  // Grids of whole rows are fitted here, to the weights before any is fixed; with `fit_now` those of groups too.
  GridCodes(const Rounding& rounding, const DoubleMatrix& w, Order order, bool fit_now = false);

  // Before the columns first .. end-1 are fixed: fits the grids that are left of the groups whose first column is among them.
  void begin_block(const DoubleMatrix& w, size_t first, size_t end);
  // Fixes the weight of turn j to the nearest level and returns that.
  double fix(size_t i, size_t j, double weight);

  const QuantisedMatrix& matrix() const { return q_; }

 private:
  void fit(const DoubleMatrix& w, size_t first, size_t end);
  void fit_group(std::span<const double> row, size_t i, size_t group);

  Rounding rounding_;
  Order order_, turn_;  // turn_: of each column
  size_t width_;        // columns of a group
  QuantisedMatrix q_;
  std::vector<UniformGrid> grids_;  // [out, groups]
  bool fitted_;                     // all of them
};

}  // namespace evalharness
