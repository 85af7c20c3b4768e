// Magnitude pruning, the baseline of every pruning paper.
//
// S. Han, J. Pool, J. Tran and W. J. Dally, "Learning both Weights and Connections for Efficient Neural
// Networks", NeurIPS 2015 (arXiv:1506.02626); layer by layer as the baseline of SparseGPT and Wanda.
//
// Of each matrix W [out, in] with n weights (scope: layer)
//
//     threshold = sorted(|W|)[floor(n * sparsity)],   W(i, j) = 0 where |W(i, j)| <= threshold
//
// With scope: global n counts the linear layers of all blocks together, and one threshold serves them all. Every tie
// at a threshold goes, as in the authors' code, so that a matrix with many equal weights ends sparser than asked; the
// realised sparsity is in the report. At a sparsity of 0 theirs takes the least weight, we none. With scope: row exactly
// floor(in * sparsity) weights of each row go, and with N:M the lowest of each group; of ties the lowest index.
//
//     compress:
//       - method: magnitude
//         sparsity: 0.5        # fraction of zeros, or instead:
//         pattern: 2:4         # keep 2 of every 4 neighbours
//         scope: layer         # what competes: layer, row or global
//         allocation: {layers: {down_proj: 0.4}}   # or blocks, or sensitivity: methods/allocation.h

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/ops/tree.h"
#include "methods/allocation.h"
#include "methods/method.h"

namespace evalharness {
namespace {

enum class Scope { layer, row, global };

Scope read_scope(const ConfigNode& options) {
  const std::string name = options.get_one_of("scope", {"layer", "row", "global"}, "layer");
  if (name != "layer" && options.has("pattern"))
    options.fail_at("scope", cat("expected none beside a pattern, whose groups are the scope, got '", name, "'"));
  return name == "row" ? Scope::row : name == "global" ? Scope::global : Scope::layer;
}

std::vector<float> magnitudes(const Matrix& w) {
  std::vector<float> result(w.size());
  std::ranges::transform(w.values(), result.begin(), [](float x) { return std::abs(x); });
  return result;
}

// Bits of positive floats rise with their value.
uint32_t bits_of_magnitude(float x) { return std::bit_cast<uint32_t>(std::abs(x)); }

void each_layer(const Model& model, const std::function<void(const Matrix&)>& visit) {
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) each_leaf(*slot.op, [&](const LinearOp& leaf) { visit(leaf.to_dense()); });
}

// sorted(|W| of all layers, of factors where they are split)[k] without holding them all: counts the upper halves of the bits, then the lower halves
// of those with the right upper half.
float global_threshold(const Model& model, uint64_t k) {
  uint32_t found = 0;
  for (const uint32_t shift : {16u, 0u}) {
    std::vector<uint64_t> counts(1u << 16);
    each_layer(model, [&](const Matrix& w) {
      for (const float value : w.values()) {
        const uint32_t bits = bits_of_magnitude(value);
        if (shift == 16 || bits >> 16 == found) ++counts[bits >> shift & 0xffff];
      }
    });
    uint32_t half = 0;
    for (; k >= counts[half]; ++half) k -= counts[half];
    found = shift == 16 ? half : found << 16 | half;
  }
  return std::bit_cast<float>(found);
}

size_t rank(size_t weights, double sparsity) { return static_cast<size_t>(static_cast<double>(weights) * sparsity); }

float layer_threshold(const Matrix& w, double sparsity) {
  std::vector<float> all = magnitudes(w);
  const auto nth = all.begin() + static_cast<ptrdiff_t>(rank(all.size(), sparsity));
  std::nth_element(all.begin(), nth, all.end());
  return *nth;
}

void prune_below(float threshold, Matrix& w) {
  for (float& value : w.values())
    if (std::abs(value) <= threshold) value = 0;
}

void prune_rows(const SparsityPattern& pattern, Matrix& w) {
  const std::vector<float> scores = magnitudes(w);
  parallel_for(w.rows(), [&](size_t i) { pattern.prune(std::span(scores).subspan(i * w.cols(), w.cols()), w.row(i)); });
}

class Magnitude final : public Method {
 public:
  explicit Magnitude(const ConfigNode& options) : allocation_(options), scope_(read_scope(options)) {
    if (scope_ == Scope::global && !allocation_.uniform())
      options.fail_at("allocation", "expected none beside scope: global, where one threshold serves all layers");
  }

  Effects effects() const override { return {.prunes = true}; }
  void check(const ModelShape& shape) const override { allocation_.check(shape); }
  bool needs_calibration() const override { return allocation_.needs_calibration(); }
  size_t needed_samples() const override { return allocation_.needed_samples(); }

  Report compress(Model& model, const Calibration& calibration) const override {
    const float shared = scope_ == Scope::global
                             ? global_threshold(model, rank(linear_totals(model).stored, allocation_.pattern().sparsity()))
                             : 0;
    const LayerPatterns patterns = allocation_.patterns(model, calibration);
    return calibration.sweep(model, {}, [&](const Layer& layer, const Inputs&) {
      const SparsityPattern& pattern = patterns.of(layer);
      Matrix w = layer.weight();  // [out, in]
      if (pattern.structured() || scope_ == Scope::row)
        prune_rows(pattern, w);
      else if (pattern.sparsity() > 0)
        prune_below(scope_ == Scope::global ? shared : layer_threshold(w, pattern.sparsity()), w);
      return pattern.pack(w, layer.dtype);  // sparse.bitmask or sparse.N:M
    });
  }

 private:
  SparsityAllocation allocation_;
  Scope scope_;
};

const Register<Magnitude> magnitude_registration("magnitude", "prune the smallest |weight| of each layer, of each row, or of all");

}  // namespace
}  // namespace evalharness
