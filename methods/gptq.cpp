// GPTQ: rounding column by column, with the columns that are left making up for each error.
//
// E. Frantar, S. Ashkboos, T. Hoefler and D. Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative
// Pre-trained Transformers", ICLR 2023 (arXiv:2210.17323), algorithm 1.
//
// With H = 2/samples X^T X of the layer's inputs and U the upper Cholesky factor of H^-1, the columns of W [out, in]
// are fixed from left to right (methods/obs.h), each weight to the nearest level of its group's grid:
//
//     grid of a group = asymmetric, from the least to the greatest of its weights, 0 included
//
// A group's grid is fitted when its first column has its turn. The authors' code fits it to weights that lack the
// updates of the current block of 128 columns (refit: ref); fitted to weights that have them all (fresh) the layer's
// error is a little smaller. With act_order the columns with the largest diagonal of H come first, and columns whose turns are neighbours
// share a grid: the codes are kept in that order, behind a permutation of the inputs. With static_groups beside it
// neighbours in the matrix share one, which is then fitted before anything moves, and no input is moved at run time.
//
//     compress:
//       - method: gptq
//         bits: 4                  # 2 .. 8
//         group: 128               # inputs that share a scale: a multiple of 16, or row
//         sym: false               # a grid symmetric around 0
//         act_order: false
//         static_groups: false
//         refit: ref               # or fresh
//         block: 128               # columns between two updates of the rest
//         damping: 0.01            # of the Hessian: a share of its mean diagonal
//         true_sequential: false   # q, k, v; then o; then gate, up; then down, each seeing those before it rounded

#include <algorithm>
#include <numeric>

#include "harness/base/parallel.h"
#include "harness/ops/gathered_input.h"
#include "harness/ops/uniform_grid.h"
#include "methods/method.h"
#include "methods/obs.h"
#include "methods/rounding.h"

namespace evalharness {
namespace {

using Order = std::vector<size_t>;  // of columns: order[j] is the column that has turn j

Order in_place(size_t columns) {
  Order order(columns);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

Order by_diagonal(const DoubleMatrix& h) {
  Order order = in_place(h.rows());
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return h(a, a) > h(b, b); });
  return order;
}

DoubleMatrix reorder_columns(const DoubleMatrix& m, const Order& order) {
  DoubleMatrix result(m.rows(), m.cols());
  for (size_t i = 0; i < m.rows(); ++i)
    for (size_t j = 0; j < m.cols(); ++j) result(i, j) = m(i, order[j]);
  return result;
}

DoubleMatrix reorder_both(const DoubleMatrix& m, const Order& order) {
  const DoubleMatrix columns = reorder_columns(m, order);
  DoubleMatrix result(m.rows(), m.cols());
  for (size_t i = 0; i < m.rows(); ++i) std::ranges::copy(columns.row(order[i]), result.row(i).begin());
  return result;
}

// The grids of all groups and the codes, in the matrix' own order of columns; weights come in the order of turns.
class Codes {
 public:
  Codes(const Rounding& rounding, size_t out, const Order& order)
      : rounding_(rounding), order_(order), turn_(order.size()), width_(rounding.group == 0 ? order.size() : rounding.group) {
    for (size_t j = 0; j < order.size(); ++j) turn_[order[j]] = j;
    q_.bits = rounding.bits;
    q_.group = rounding.group;
    q_.out = out;
    q_.in = order.size();
    q_.codes.resize(q_.out * q_.in);
    q_.scales = Matrix(out, q_.groups());
    if (!rounding.symmetric) q_.zeros.resize(out * q_.groups());
    grids_.resize(out * q_.groups());
  }

  // Fits the grids of the groups whose first column is among first .. end-1.
  void fit(const DoubleMatrix& w, size_t first, size_t end) {
    for (size_t group = (first + width_ - 1) / width_; group * width_ < std::min(end, q_.in); ++group)
      parallel_for(q_.out, [&](size_t i) { fit_group(w.row(i), i, group); });
  }

  // Fixes the weight of turn j to the nearest level and returns that.
  double fix(size_t i, size_t j, double weight) {
    const size_t column = order_[j];
    const UniformGrid& grid = grids_[i * q_.groups() + column / width_];
    const uint8_t code = grid.code(static_cast<float>(weight));
    q_.codes[i * q_.in + column] = code;
    return static_cast<double>(grid.value(code));
  }

  const QuantisedMatrix& matrix() const { return q_; }

 private:
  void fit_group(std::span<const double> row, size_t i, size_t group) {
    std::vector<float> unit;
    for (size_t column = group * width_; column < std::min(q_.in, (group + 1) * width_); ++column)
      unit.push_back(static_cast<float>(row[turn_[column]]));
    const UniformGrid grid = rounding_.fit(rounding_.bits, range_of(unit)).as_stored(rounding_.dtype);
    grids_[i * q_.groups() + group] = grid;
    q_.scales(i, group) = grid.scale;
    if (!rounding_.symmetric) q_.zeros[i * q_.groups() + group] = static_cast<uint8_t>(grid.zero);
  }

  Rounding rounding_;
  const Order& order_;
  Order turn_;  // of each column
  size_t width_;
  QuantisedMatrix q_;
  std::vector<UniformGrid> grids_;  // [out, groups]
};

class Gptq final : public Method {
 public:
  explicit Gptq(const ConfigNode& options)
      : obs_(options), bits_(read_bits(options)), group_(read_group(options)),
        symmetric_(options.get("sym", false)), act_order_(options.get("act_order", false)),
        static_groups_(options.get("static_groups", false)),
        fresh_(options.get_one_of("refit", {"ref", "fresh"}, "ref") == "fresh") {
    // The grids of a block's groups are fitted before its first column: as late as can be in blocks of a group.
    if (fresh_ && group_ != 0) obs_.block = group_;
  }

  Effects effects() const override { return {.rounds = true}; }
  void check(const Model&) const override {}
  bool needs_calibration() const override { return true; }

  Report compress(Model& model, const Calibration& calibration) const override {
    std::map<std::string, size_t> counts;
    // Of the inputs that layers in a row share.
    Order order;
    InverseHessian inverse;
    auto layers = calibration.sweep(model, obs_.needs(), [&](const Layer& layer, const Inputs& x) {
      if (!layer.same_inputs) {
        const DoubleMatrix h = hessian(x);
        order = turns(h);
        inverse = invert_hessian(reorder_both(h, order), obs_.damping);
      }
      DoubleMatrix w = reorder_columns(DoubleMatrix(layer.weight().view()), order);  // [out, in]
      inverse.zero_dead(w);
      count(inverse, counts);
      if (!moves_inputs()) return store_codes(round(w, inverse.u, order, layer), layer);
      LinearPtr codes = store_codes(round(w, inverse.u, in_place(order.size()), layer), layer);
      return make_permuted_input({order.begin(), order.end()}, std::move(codes));
    });
    return {std::move(layers), std::move(counts)};
  }

 private:
  // Whether groups are of neighbouring turns, not of neighbours in the matrix.
  bool moves_inputs() const { return act_order_ && !static_groups_ && group_ != 0; }
  Order turns(const DoubleMatrix& h) const { return act_order_ ? by_diagonal(h) : in_place(h.rows()); }

  // `w`: its columns by their turns; `order`: of the columns of the result.
  QuantisedMatrix round(DoubleMatrix& w, const DoubleMatrix& u, const Order& order, const Layer& layer) const {
    const Rounding rounding{.bits = bits_,
                            .group = group_,
                            .fit = symmetric_ ? UniformGrid::gptq_symmetric : UniformGrid::gptq_asymmetric,
                            .symmetric = symmetric_,
                            .dtype = layer.dtype};
    // What an earlier step pruned stays zero, a level of every grid here, and the columns behind make up for it; it is
    // not stored (sparse.bitmask.int*).
    const DoubleMatrix before = layer.pruned() ? w : DoubleMatrix();
    Codes codes(rounding, w.rows(), order);
    ColumnRule rule;
    if (static_groups_ || group_ == 0)
      codes.fit(w, 0, w.cols());
    else
      rule.begin_block = [&](const DoubleMatrix& updated, size_t first, size_t end) { codes.fit(updated, first, end); };
    rule.fix = [&](size_t i, size_t j, std::span<const double> row) {
      return codes.fix(i, j, layer.pruned() && before(i, j) == 0 ? 0.0 : row[j]);
    };
    fix_columns(w, u, obs_.block, rule);
    return codes.matrix();
  }

  ObsOptions obs_;
  size_t bits_, group_;  // 0: the whole row
  bool symmetric_, act_order_, static_groups_, fresh_;
};

const Register<Gptq> gptq_registration("gptq", "round column by column, the rest making up for it");

}  // namespace
}  // namespace evalharness
