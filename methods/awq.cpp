// AWQ: rounding after the weights of inputs that matter were scaled up, and with ranges that were searched for.
//
// J. Lin, J. Tang, H. Tang, S. Yang, W.-M. Chen, W.-C. Wang, G. Xiao, X. Dang, C. Gan and S. Han, "AWQ: Activation-aware
// Weight Quantization for LLM Compression and Acceleration", MLSys 2024 (arXiv:2306.00978), sections 3.2 and 5.1.
//
// Few inputs are large, and errors of their weights count most. Scaled by s > 1 a weight is rounded s times finer, its
// input divided by s before (by the norm or the layer that it comes from: methods/scale_pairs.h). Of the readers W of one
// input X, and the module M that they are part of (attention; MLP; for up -> down the layer itself)
//
//     s_j = a_j^r / sqrt(max a^r min a^r),   a_j = mean of |x_j|,   r of 0, 1/20 .. 19/20 with the least
//     |M(X; W) - M(X; Q(W diag(s)) diag(1/s))|^2
//
// r = 0 is plain rounding. Then each group of every layer but q and k, whose product is sensitive, is clamped to the range
// with the least error of the layer's outputs (methods/clip_search.h), and rounded to AWQ's grid. Statistics are the dense
// model's. As in the authors' code o is scaled only where it reads v head by head, and the weights' own size is no part of
// s. With layers: all o is scaled where query heads share v too: its input is divided at run time (scaled_input), which the
// authors do without. They search on the whole calibration set, here on its first `samples`. Their calibration set is of the Pile.
//
//     compress:
//       - method: awq
//         bits: 4              # 2 .. 8
//         group: 128           # inputs that share a scale: a multiple of 16, or row
//         clip: true
//         samples: 4           # of the calibration set, that the search looks at
//         layers: folded       # what is scaled: layers whose input's 1/s goes into what is in front of them, or all
//         weights: int         # or keep: scaled only, for another method to round

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "methods/clip_search.h"
#include "methods/method.h"
#include "methods/rounding.h"
#include "methods/sample_run.h"
#include "methods/scale_pairs.h"

namespace evalharness {
namespace {

constexpr size_t kGrid = 20;
constexpr size_t kClipTokens = 512;
constexpr size_t kRowTile = 16;

// a^r, spread evenly around 1.
std::vector<float> scales_of(std::span<const double> magnitudes, double power) {
  std::vector<double> s;
  for (const double a : magnitudes) s.push_back(std::max(std::pow(a, power), 1e-4));
  const double middle = std::sqrt(std::ranges::max(s) * std::ranges::min(s));
  std::vector<float> scales;
  for (const double value : s) scales.push_back(static_cast<float>(value / middle));
  return scales;
}

// Every n-th row, kClipTokens at most.
Matrix spread_rows(MatrixView x) {
  MatrixView some = x;
  const size_t step = (x.rows + kClipTokens - 1) / kClipTokens;
  some.rows = x.rows / step;
  some.stride = x.stride * step;
  return Matrix(some);
}

// What a pair's readers are part of, on the samples' inputs x: [tokens, hidden], valid until the next call.
MatrixView module_output(const Model& model, const Block& block, const ScalePair& pair, const Backend& backend, MatrixView x,
                     SampleRun& run) {
  const BoundBlock bound(model, block, backend);
  if (pair.reads(Linear::q))
    bound.attention(x, run.batch, run.rope, 0, *run.cache, run.workspace);
  else if (pair.reads(Linear::gate))
    bound.mlp(x, run.workspace);
  else
    bound.linear(pair.readers.front()).forward(x, run.workspace.delta);
  return run.workspace.delta;
}

double squared_distance(MatrixView a, MatrixView b) {
  std::vector<double> sums(a.rows);
  parallel_for(ceil_div(a.rows, kRowTile), [&](size_t tile) {
    for (size_t i = tile * kRowTile; i < std::min(a.rows, (tile + 1) * kRowTile); ++i)
      for (size_t j = 0; j < a.cols; ++j) {
        const double d = static_cast<double>(a(i, j)) - static_cast<double>(b(i, j));
        sums[i] += d * d;
      }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

class Awq final : public Method {
 public:
  explicit Awq(const ConfigNode& options)
      : rounding_{.bits = read_bits(options), .group = read_group(options), .fit = UniformGrid::awq_asymmetric},
        clips_(options.get("clip", true)), rounds_(options.get_one_of("weights", {"int", "keep"}, "int") == "int"),
        samples_(options.get("samples", size_t{4})),
        all_layers_(options.get_one_of("layers", {"folded", "all"}, "folded") == "all") {
    if (samples_ == 0) options.fail_at("samples", "expected at least 1, got 0");
  }

  void check(const Model& model) const override { check_leaves(model, "awq"); }
  bool needs_calibration() const override { return true; }

  Report compress(Model& model, const Calibration& calibration) const override {
    calibration.require_text();
    SampleRun run(model, calibration, std::min(samples_, calibration.set().samples.size()));
    scale(model, calibration, run);
    const Needs clipping{.some_tokens = run.batch.tokens.size(), .only_some = true, .uncompressed_inputs = true};
    return calibration.sweep(model, clipping, [&](const Layer& layer, const Inputs& x) {
      if (!rounds_) return LinearPtr();
      const Rounding rounding = rounding_for(layer.dtype);
      Matrix w = layer.weight();  // [out, in]
      if (clips_ && layer.linear != Linear::q && layer.linear != Linear::k)
        w = clip_groups(w, spread_rows(x.some().view()).view(), rounding);
      return store_codes(round_to_grid(w.view(), rounding), layer);
    });
  }

 private:
  Rounding rounding_for(Dtype dtype) const {
    Rounding rounding = rounding_;
    rounding.dtype = dtype;
    return rounding;
  }

  // Searches all scales in the model as it is, then applies them: it computes the same before and after.
  void scale(Model& model, const Calibration& calibration, SampleRun& run) const {
    std::vector<ScalePair> pairs = norm_pairs();
    std::ranges::copy(layer_pairs(model.config), std::back_inserter(pairs));
    const bool o_is_left = std::ranges::none_of(pairs, [](const ScalePair& pair) { return pair.reads(Linear::o); });
    if (all_layers_ && o_is_left) pairs.push_back(run_time_pair(Linear::o));
    std::vector<std::vector<std::vector<float>>> scales(model.blocks.size(), std::vector<std::vector<float>>(pairs.size()));
    const Needs searching{.column_magnitudes = true, .some_tokens = run.batch.tokens.size(), .uncompressed_inputs = true};
    calibration.observe(model, searching, [&](const Layer& layer, const Inputs& x) {
      for (size_t p = 0; p < pairs.size(); ++p) {
        Block& block = model.blocks[layer.block];
        const auto output = [&] { return module_output(model, block, pairs[p], calibration.backend(), x.some().view(), run); };
        if (pairs[p].readers.front() == layer.linear) scales[layer.block][p] = search(block, pairs[p], x, model.dtype, output);
      }
    });
    for (size_t b = 0; b < model.blocks.size(); ++b)
      for (size_t p = 0; p < pairs.size(); ++p) apply_scales(model.blocks[b], pairs[p], scales[b][p], model.dtype);
  }

  // `output` is that of the pair's module with the block as it is; its weights are changed meanwhile and put back.
  std::vector<float> search(Block& block, const ScalePair& pair, const Inputs& x, Dtype dtype,
                            const std::function<MatrixView()>& output) const {
    const Matrix expected(output());
    const std::vector<double> magnitudes = x.column_magnitudes();
    std::vector<LinearPtr> originals;
    std::vector<Matrix> weights;  // [out, in]
    for (const Linear linear : pair.readers) {
      originals.push_back(std::move(block.slot(linear).op));
      weights.push_back(originals.back()->to_dense());
    }
    std::vector<float> best;
    double least = 0;
    for (size_t step = 0; step < kGrid; ++step) {
      const std::vector<float> s = scales_of(magnitudes, static_cast<double>(step) / kGrid);
      for (size_t i = 0; i < weights.size(); ++i) block.slot(pair.readers[i]).op = rounded(weights[i], s, dtype);
      const double found = squared_distance(output(), expected.view());
      if (!best.empty() && found >= least) continue;
      least = found;
      best = s;
    }
    for (size_t i = 0; i < originals.size(); ++i) block.slot(pair.readers[i]).op = std::move(originals[i]);
    return best;
  }

  // Q(W diag(s)) diag(1/s), dense.
  LinearPtr rounded(Matrix w, std::span<const float> s, Dtype dtype) const {
    const Rounding rounding = rounding_for(dtype);
    parallel_for(ceil_div(w.rows(), kRowTile), [&](size_t tile) {
      for (size_t i = tile * kRowTile; i < std::min(w.rows(), (tile + 1) * kRowTile); ++i) {
        const std::span<float> row = w.row(i);
        for (size_t j = 0; j < row.size(); ++j) row[j] *= s[j];
        round_row(row, rounding);
        for (size_t j = 0; j < row.size(); ++j) row[j] /= s[j];
      }
    });
    return make_dense(w.view(), dtype);
  }

  Rounding rounding_;
  bool clips_, rounds_;
  size_t samples_;
  bool all_layers_;
};

const Register<Awq> registration("awq", "round after scaling up the weights of large inputs, clipping ranges");

}  // namespace
}  // namespace evalharness
