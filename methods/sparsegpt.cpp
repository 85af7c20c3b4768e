// SparseGPT: pruning in one pass, with the weights that stay making up for those that go.
//
// E. Frantar and D. Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot", ICML 2023
// (arXiv:2301.00774), algorithm 1.
//
// With H = 2/samples X^T X of the layer's inputs and U the upper Cholesky factor of H^-1, the columns of W [out, in]
// are fixed from left to right (methods/obs.h). Before each block of 128 columns the weights to go are chosen there,
// by the error that each would leave:
//
//     S(i, j) = (W(i, j) / U(j, j))^2,   threshold = sorted(S of the block, all rows)[floor(n * sparsity)]
//
// S <= threshold goes. With N:M, at each M-th column the M - N lowest of the row's next M go, chosen from weights
// that carry the updates so far. A pruned weight's error is spread over the columns to its right. With `round` the weights that
// stay are rounded in the same loop (section 3.5), each to the nearest level of its row's grid, which holds 0 and is fitted
// before anything moves (that of a group, as in GPTQ, when its block has its turn); what is left is stored as sparse.bitmask.int*.
// All linear layers of the blocks are pruned; embedding, head and norms stay.
//
// Unlike the authors' code a sparsity of 0 prunes nothing (theirs takes the least weight of each block), and N:M says how many are
// kept (their prunen, how many go: the same for 2:4 and 4:8).
//
//     compress:
//       - method: sparsegpt
//         sparsity: 0.5            # fraction of each block of columns, or instead:
//         pattern: 2:4             # keep 2 of every 4 neighbours
//         allocation: {layers: {down_proj: 0.4}}   # or blocks, or sensitivity: methods/allocation.h
//         round: {bits: 4, group: row, sym: false, mse: false}   # as gptq's, but for the group; without it weights stay as they are
//         block: 128               # columns that share a threshold
//         damping: 0.01            # of the Hessian: a share of its mean diagonal
//         true_sequential: false   # q, k, v; then o; then gate, up; then down, each seeing those before it pruned

#include <algorithm>
#include <optional>

#include "harness/base/text.h"
#include "harness/ops/int_group.h"
#include "harness/ops/sparse_bitmask_int.h"
#include "methods/allocation.h"
#include "methods/grid_codes.h"
#include "methods/method.h"
#include "methods/obs.h"

namespace evalharness {
namespace {

// Which weights of W [out, in] stay.
class Mask {
 public:
  Mask(size_t out, size_t in) : kept_(out, in, std::vector<float>(out * in, 1.0f)) {}
  bool keeps(size_t i, size_t j) const { return kept_(i, j) != 0; }

  // One threshold for columns first .. end-1 of all rows.
  void choose_block(const DoubleMatrix& w, const DoubleMatrix& u, double sparsity, size_t first, size_t end) {
    std::vector<double> scores;
    scores.reserve(w.rows() * (end - first));
    for (size_t i = 0; i < w.rows(); ++i)
      for (size_t j = first; j < end; ++j) scores.push_back(score(w.row(i), u, j));
    std::vector<double> sorted = scores;
    const auto nth = sorted.begin() + static_cast<ptrdiff_t>(static_cast<double>(sorted.size()) * sparsity);
    std::nth_element(sorted.begin(), nth, sorted.end());
    const double threshold = *nth;
    size_t next = 0;
    for (size_t i = 0; i < w.rows(); ++i)
      for (size_t j = first; j < end; ++j) kept_(i, j) = scores[next++] <= threshold ? 0.0f : 1.0f;
  }

  // The next group of one row.
  void choose_group(std::span<const double> row, size_t i, const DoubleMatrix& u, const SparsityPattern& pattern, size_t first) {
    std::vector<float> scores;
    for (size_t j = first; j < first + pattern.group(); ++j) scores.push_back(static_cast<float>(score(row, u, j)));
    pattern.prune(scores, kept_.row(i).subspan(first, pattern.group()));
  }

 private:
  static double score(std::span<const double> row, const DoubleMatrix& u, size_t j) {
    const double s = row[j] / u(j, j);
    return s * s;
  }
  Matrix kept_;
};

class SparseGpt final : public Method {
 public:
  explicit SparseGpt(const ConfigNode& options) : allocation_(options), obs_(options) {
    const SparsityPattern& pattern = allocation_.pattern();
    if (pattern.structured() && obs_.block % pattern.group() != 0)
      options.fail_at("block", cat("expected a multiple of ", pattern.group(), ", got ", obs_.block));
    if (const auto round = options.find("round")) {
      rounding_ = read_gptq_rounding(*round);
      if (!round->has("group")) rounding_->group = 0;  // as in the authors' code
      round->reject_unread();
    }
  }

  Effects effects() const override { return {.prunes = true, .rounds = rounding_.has_value()}; }
  void check(const ModelShape& shape) const override { allocation_.check(shape); }
  bool needs_calibration() const override { return true; }
  size_t needed_samples() const override { return allocation_.needed_samples(); }

  Report compress(Model& model, const Calibration& calibration) const override {
    std::map<std::string, size_t> counts;
    const LayerPatterns patterns = allocation_.patterns(model, calibration);
    InverseHessian inverse;  // of the inputs that layers in a row share
    auto layers = calibration.sweep(model, obs_.needs(), [&](const Layer& layer, const Inputs& x) {
      DoubleMatrix w(layer.weight().view());  // [out, in]
      if (!layer.same_inputs) inverse = invert_hessian(hessian(x), obs_.damping);
      inverse.zero_dead(w);
      count(inverse, counts);
      return prune(w, inverse.u, patterns.of(layer), layer.dtype);
    });
    return {std::move(layers), std::move(counts)};
  }

 private:
  // sparse.bitmask or sparse.N:M; where weights are rounded too sparse.bitmask.int*, or int* where none was pruned.
  LinearPtr prune(DoubleMatrix& w, const DoubleMatrix& u, const SparsityPattern& pattern, Dtype dtype) const {
    Mask mask(w.rows(), w.cols());
    std::optional<GridCodes> codes;
    if (rounding_) codes.emplace(rounding_->stored_as(dtype), w, in_place(w.cols()));
    ColumnRule rule;
    rule.begin_block = [&](const DoubleMatrix& updated, size_t first, size_t end) {
      // A sparsity of 0 would still prune the least weight of each block, as `<=` has it.
      if (!pattern.structured() && pattern.sparsity() > 0) mask.choose_block(updated, u, pattern.sparsity(), first, end);
      if (codes) codes->begin_block(updated, first, end);
    };
    rule.fix = [&](size_t i, size_t j, std::span<const double> row) {
      if (pattern.structured() && j % pattern.group() == 0) mask.choose_group(row, i, u, pattern, j);
      const double kept = mask.keeps(i, j) ? row[j] : 0.0;
      return codes ? codes->fix(i, j, kept) : kept;
    };
    fix_columns(w, u, obs_.block, rule);
    if (!codes) return pattern.pack(w.to_float(), dtype);
    return pattern.sparsity() > 0 ? make_sparse_bitmask_int(codes->matrix(), dtype) : make_int_group(codes->matrix(), dtype);
  }

  SparsityAllocation allocation_;
  ObsOptions obs_;
  std::optional<Rounding> rounding_;
};

const Register<SparseGpt> sparsegpt_registration("sparsegpt", "prune column by column, the rest making up for it");

}  // namespace
}  // namespace evalharness
