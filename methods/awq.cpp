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
// r = 0 is plain rounding; of equals the least r. Samples are run one after the other, and an r is given up as soon as its
// error has passed the least so far: the r that did best in the block before is the first to be tried, which changes how
// much is computed, not what is found. Then each group of every layer but q and k, whose product is sensitive, is clamped to the range
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
//         samples: 4           # of the calibration set, that the search looks at; all where it has fewer and this is not said
//         layers: folded       # what is scaled: layers whose input's 1/s goes into what is in front of them, or all
//         weights: int         # or keep: scaled only, for another method to round

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
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

// What a pair's readers are part of, on samples that run one after the other.
struct Module {
  const Model& model;
  Block& block;
  const ScalePair& pair;
  const Backend& backend;
  MatrixView inputs;  // of all samples: [tokens, in]
  SampleRun& run;     // of one

  BoundBlock bind() const { return BoundBlock(model, block, backend); }
  size_t samples() const { return inputs.rows / run.length; }
  MatrixView of_sample(MatrixView all, size_t sample) const { return all.rows_from(sample * run.length, run.length); }

  // [tokens of a sample, hidden], valid until the next call.
  MatrixView output(const BoundBlock& bound, size_t sample) const {
    const MatrixView x = of_sample(inputs, sample);
    if (pair.reads(Linear::q))
      bound.attention(x, run.batch, run.rope, 0, *run.cache, run.workspace);
    else if (pair.reads(Linear::gate))
      bound.mlp(x, run.workspace);
    else
      bound.linear(pair.readers.front()).forward(x, run.workspace.delta);
    return run.workspace.delta;
  }

  // Of all samples, with the block as it is.
  Matrix outputs() const {
    const BoundBlock bound = bind();
    Matrix y(inputs.rows, model.config.hidden);
    for (size_t s = 0; s < samples(); ++s) {
      const MatrixView of_one = output(bound, s);
      std::ranges::copy(std::span(of_one.data, of_one.rows * of_one.cols), y.row(s * run.length).begin());
    }
    return y;
  }
};

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

// Between a module's outputs and those it had: over all samples, or the first ones where they alone are above `enough`.
double distance(const Module& module, const Matrix& expected, double enough) {
  const BoundBlock bound = module.bind();
  double sum = 0;
  for (size_t s = 0; s < module.samples() && sum <= enough; ++s)
    sum += squared_distance(module.output(bound, s), module.of_sample(expected.view(), s));
  return sum;
}

// The steps of the grid, the nearest to one of them first.
std::vector<size_t> steps_around(size_t middle) {
  std::vector<size_t> steps(kGrid);
  std::iota(steps.begin(), steps.end(), size_t{0});
  std::ranges::stable_sort(steps, {}, [&](size_t step) { return std::max(step, middle) - std::min(step, middle); });
  return steps;
}

std::vector<float> scales_at(std::span<const double> magnitudes, size_t step) {
  return scales_of(magnitudes, static_cast<double>(step) / kGrid);
}

class Awq final : public Method {
 public:
  explicit Awq(const ConfigNode& options)
      : rounding_{.bits = read_bits(options), .group = read_group(options), .fit = UniformGrid::awq_asymmetric},
        clips_(options.get("clip", true)), rounds_(options.get_one_of("weights", {"int", "keep"}, "int") == "int"),
        samples_(options.get("samples", size_t{4})),
        asked_samples_(options.has("samples") ? samples_ : 0),
        all_layers_(options.get_one_of("layers", {"folded", "all"}, "folded") == "all") {
    if (samples_ == 0) options.fail_at("samples", "expected at least 1, got 0");
    if (!rounds_ && options.has("clip") && clips_) options.fail_at("clip", "expected none beside weights: keep, which rounds nothing");
  }

  Effects effects() const override { return {.whole = true, .rounds = rounds_, .wraps = all_layers_}; }
  void check(const ModelShape& shape) const override { check_leaves(shape, "awq"); }
  bool needs_calibration() const override { return true; }
  size_t needed_samples() const override { return asked_samples_; }

  Report compress(Model& model, const Calibration& calibration) const override {
    calibration.require_text();
    const CalibrationSet& set = calibration.set();
    const size_t tokens = std::min(samples_, set.samples.size()) * set.samples.front().size();
    scale(model, calibration, tokens);
    const Needs clipping{.some_tokens = tokens, .only_some = true, .uncompressed_inputs = true};
    return calibration.sweep(model, clipping, [&](const Layer& layer, const Inputs& x) {
      if (!rounds_) return LinearPtr();
      const Rounding rounding = rounding_.stored_as(layer.dtype);
      Matrix w = layer.weight();  // [out, in]
      if (clips_ && layer.linear != Linear::q && layer.linear != Linear::k)
        w = clip_groups(w, spread_rows(x.some().view()).view(), rounding);
      return store_codes(round_to_grid(w.view(), rounding), layer);
    });
  }

 private:
  // Searches all scales in the model as it is, on the first `tokens`, then applies them: it computes the same before and
  // after.
  void scale(Model& model, const Calibration& calibration, size_t tokens) const {
    std::vector<ScalePair> pairs = norm_pairs();
    std::ranges::copy(layer_pairs(model.config), std::back_inserter(pairs));
    const bool o_is_left = std::ranges::none_of(pairs, [](const ScalePair& pair) { return pair.reads(Linear::o); });
    if (all_layers_ && o_is_left) pairs.push_back(run_time_pair(Linear::o));
    std::vector<std::vector<std::vector<float>>> scales(model.blocks.size(), std::vector<std::vector<float>>(pairs.size()));
    std::vector<size_t> best(pairs.size(), kGrid / 2);  // steps, in the block before
    SampleRun run(model, calibration, 1);
    const Needs searching{.column_magnitudes = true, .some_tokens = tokens, .uncompressed_inputs = true};
    calibration.observe(model, searching, [&](const Layer& layer, const Inputs& x) {
      for (size_t p = 0; p < pairs.size(); ++p) {
        if (pairs[p].readers.front() != layer.linear) continue;
        const Module module{model, model.blocks[layer.block], pairs[p], calibration.backend(), x.some().view(), run};
        best[p] = search(module, x.column_magnitudes(), best[p]);
        scales[layer.block][p] = scales_at(x.column_magnitudes(), best[p]);
      }
    });
    for (size_t b = 0; b < model.blocks.size(); ++b)
      for (size_t p = 0; p < pairs.size(); ++p) apply_scales(model.blocks[b], pairs[p], scales[b][p], model.dtype);
  }

  // The best step. The module's weights are changed meanwhile and put back.
  size_t search(const Module& module, std::span<const double> magnitudes, size_t first_step) const {
    const Matrix expected = module.outputs();
    const std::vector<Linear>& readers = module.pair.readers;
    std::vector<LinearPtr> originals;
    std::vector<Matrix> weights;  // [out, in]
    for (const Linear linear : readers) {
      originals.push_back(std::move(module.block.slot(linear).op));
      weights.push_back(originals.back()->to_dense());
    }
    size_t best = first_step;
    double least = std::numeric_limits<double>::infinity();
    for (const size_t step : steps_around(first_step)) {
      const std::vector<float> s = scales_at(magnitudes, step);
      for (size_t i = 0; i < weights.size(); ++i)
        module.block.slot(readers[i]).op = rounded(weights[i], s, module.model.dtype);
      const double found = distance(module, expected, least);
      if (!(found < least || (found == least && step < best))) continue;
      least = found;
      best = step;
    }
    for (size_t i = 0; i < originals.size(); ++i) module.block.slot(readers[i]).op = std::move(originals[i]);
    return best;
  }

  // Q(W diag(s)) diag(1/s), dense.
  LinearPtr rounded(const Matrix& w, std::span<const float> s, Dtype dtype) const {
    const Rounding rounding = rounding_.stored_as(dtype);
    Matrix q(w.rows(), w.cols());
    parallel_for(ceil_div(w.rows(), kRowTile), [&](size_t tile) {
      for (size_t i = tile * kRowTile; i < std::min(w.rows(), (tile + 1) * kRowTile); ++i) {
        const std::span<const float> row = w.row(i);
        const std::span<float> to = q.row(i);
        for (size_t j = 0; j < to.size(); ++j) to[j] = row[j] * s[j];
        round_row(to, rounding);
        for (size_t j = 0; j < to.size(); ++j) to[j] /= s[j];
      }
    });
    return make_dense(q.view(), dtype);
  }

  Rounding rounding_;
  bool clips_, rounds_;
  size_t samples_, asked_samples_;  // 0: fewer are enough
  bool all_layers_;
};

const Register<Awq> awq_registration("awq", "round after scaling up the weights of large inputs, clipping ranges");

}  // namespace
}  // namespace evalharness
