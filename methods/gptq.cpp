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
// neighbours in the matrix share one, which is then fitted before anything moves, and no input is moved at run time. The last group of a
// row may be short. All linear layers of the blocks are rounded; embedding, head and norms stay.
//
//     compress:
//       - method: gptq
//         bits: 4                  # 2 .. 8
//         group: 128               # inputs that share a scale: a multiple of 16, or row
//         sym: false               # a grid symmetric around 0
//         mse: false               # the range of a group cut to where its weights lose least (the authors' --mse)
//         act_order: false
//         static_groups: false
//         refit: ref               # or fresh
//         block: 128               # columns between two updates of the rest
//         damping: 0.01            # of the Hessian: a share of its mean diagonal
//         true_sequential: false   # q, k, v; then o; then gate, up; then down, each seeing those before it rounded

#include <algorithm>

#include "harness/ops/gathered_input.h"
#include "methods/grid_codes.h"
#include "methods/method.h"
#include "methods/obs.h"
#include "methods/rounding.h"

namespace evalharness {
namespace {

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

class Gptq final : public Method {
 public:
  explicit Gptq(const ConfigNode& options)
      : obs_(options), rounding_(read_gptq_rounding(options)), act_order_(options.get("act_order", false)),
        static_groups_(options.get("static_groups", false)) {
    const bool fresh = options.get_one_of("refit", {"ref", "fresh"}, "ref") == "fresh";
    // The grids of a block's groups are fitted before its first column: as late as can be in blocks of a group.
    if (!fresh || rounding_.group == 0) return;
    if (options.has("block") && obs_.block != rounding_.group)
      options.fail_at("block", cat("expected the group's ", rounding_.group, ", as refit: fresh has it, got ", obs_.block));
    obs_.block = rounding_.group;
  }

  Effects effects() const override { return {.rounds = true}; }
  void check(const ModelShape&) const override {}
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
  bool moves_inputs() const { return act_order_ && !static_groups_ && rounding_.group != 0; }
  Order turns(const DoubleMatrix& h) const { return act_order_ ? by_diagonal(h) : in_place(h.rows()); }

  // `w`: its columns by their turns; `order`: of the columns of the result.
  QuantisedMatrix round(DoubleMatrix& w, const DoubleMatrix& u, const Order& order, const Layer& layer) const {
    // What an earlier step pruned stays zero, a level of every grid here, and the columns behind make up for it; it is
    // not stored (sparse.bitmask.int*).
    const DoubleMatrix before = layer.pruned() ? w : DoubleMatrix();
    GridCodes codes(rounding_.stored_as(layer.dtype), w, order, static_groups_);
    ColumnRule rule;
    rule.begin_block = [&](const DoubleMatrix& updated, size_t first, size_t end) { codes.begin_block(updated, first, end); };
    rule.fix = [&](size_t i, size_t j, std::span<const double> row) {
      return codes.fix(i, j, layer.pruned() && before(i, j) == 0 ? 0.0 : row[j]);
    };
    fix_columns(w, u, obs_.block, rule);
    return codes.matrix();
  }

  ObsOptions obs_;
  Rounding rounding_;
  bool act_order_, static_groups_;
};

const Register<Gptq> gptq_registration("gptq", "round column by column, the rest making up for it");

}  // namespace
}  // namespace evalharness
