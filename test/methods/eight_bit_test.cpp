// Methods with 8-bit weights and activations: what is moved, kept and rounded.
#include <catch2/catch.hpp>

#include <array>
#include <cmath>

#include "harness/model/transformer.h"
#include "harness/ops/quantised_input.h"
#include "methods/scale_pairs.h"
#include "test/support/calibration.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

Report compressed(const std::string& yaml, Model& model) {
  const auto backend = make_cpu_backend({});
  const MethodPtr method = make_method(ConfigNode::parse(yaml, "test.yaml"));
  method->check(shape_of(model));
  return method->compress(model, Calibration(short_text(), *backend));
}

double relative_error(const Matrix& y, const Matrix& expected) {
  double error = 0, total = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double a = static_cast<double>(y.values()[i]), b = static_cast<double>(expected.values()[i]);
    error += (a - b) * (a - b);
    total += b * b;
  }
  return std::sqrt(error / total);
}

// The same function with one input of q, k, v and one of gate and up so many times larger.
Model with_outliers(uint64_t seed, float times = 100) {
  Model model = tiny_model(seed);
  for (Block& block : model.blocks)
    for (const ScalePair& pair : norm_pairs()) {
      std::vector<float> s(16, 1.0f);
      s[5] = 1 / times;
      apply_scales(block, pair, s, model.dtype);
    }
  return model;
}

// max |x_j| of the inputs of a layer of block 0.
std::vector<float> input_maxima(Model& model, Linear linear) {
  const auto backend = make_cpu_backend({});
  std::vector<float> maxima;
  Calibration(short_text(), *backend).sweep(model, {.column_maxima = true}, [&](const Layer& layer, const Inputs& x) {
    if (layer.block == 0 && layer.linear == linear) maxima = x.column_maxima();
    return LinearPtr();
  });
  return maxima;
}

const char* const kPlain = "{method: rtn, bits: 8, group: row, scheme: absmax, activations: int8}";

}  // namespace

TEST_CASE("scales applied to a pair leave what the model computes as it was", "[methods][scale_pairs]") {
  Model model = tiny_model(5);
  const Matrix before = hidden(model);
  std::vector<ScalePair> pairs = norm_pairs();
  const std::vector<ScalePair> more = layer_pairs(model.config);
  REQUIRE(more.size() == 1);  // two query heads share a key-value head: no scale of o's inputs fits v's rows
  pairs.insert(pairs.end(), more.begin(), more.end());
  for (const ScalePair& pair : pairs) {
    std::vector<float> s(model.blocks[1].slot(pair.readers.front()).op->in());
    for (size_t j = 0; j < s.size(); ++j) s[j] = 0.25f * static_cast<float>(j + 1);
    apply_scales(model.blocks[1], pair, s, model.dtype);
  }
  CHECK(relative_error(hidden(model), before) < 1e-5);
  CHECK(model.blocks[1].mlp_norm[15] == 0.25f);
  ModelConfig each_its_own = model.config;
  each_its_own.kv_heads = each_its_own.heads;
  CHECK(layer_pairs(each_its_own).size() == 2);
}

TEST_CASE("where each query head has its v, v takes the scales of o's inputs, its bias too", "[methods][scale_pairs]") {
  Model model = tiny_model(5, Dtype::f32, TinyShape{.kv_heads = 4, .biases = true});
  const Matrix before = hidden(model);
  const std::vector<ScalePair> pairs = layer_pairs(model.config);
  REQUIRE(pairs.size() == 2);
  const std::vector<float> bias = model.blocks[1].slot(Linear::v).bias;
  for (const ScalePair& pair : pairs) {
    std::vector<float> s(model.blocks[1].slot(pair.readers.front()).op->in());
    for (size_t j = 0; j < s.size(); ++j) s[j] = 0.25f * static_cast<float>(j + 1);
    apply_scales(model.blocks[1], pair, s, model.dtype);
  }
  CHECK(model.blocks[1].slot(Linear::v).bias[3] == bias[3]);  // / 1
  CHECK(model.blocks[1].slot(Linear::v).bias[7] == bias[7] / 2);
  CHECK(relative_error(hidden(model), before) < 1e-5);
  // And so awq, which searches for them.
  Model scaled = tiny_model(5, Dtype::f32, TinyShape{.kv_heads = 4, .biases = true});
  compress_by(scaled, "{method: awq, weights: keep}", short_text());
  CHECK(relative_error(hidden(scaled), before) < 1e-5);
  CHECK(weight(scaled, 0, Linear::o) != weight(tiny_model(5), 0, Linear::o));
}

TEST_CASE("column maxima are over the rows of all readers", "[methods][scale_pairs]") {
  Model model = tiny_model(5);
  Block& block = model.blocks[0];
  for (Slot& slot : block.slots) slot.op = make_dense(Matrix(slot.op->out(), slot.op->in()).view(), Dtype::f32);
  Matrix k(8, 16), v(8, 16);
  k(7, 2) = -3;
  v(0, 2) = 2;
  v(1, 4) = 5;
  block.slot(Linear::k).op = make_dense(k.view(), Dtype::f32);
  block.slot(Linear::v).op = make_dense(v.view(), Dtype::f32);
  const std::vector<float> maxima = column_maxima(block, norm_pairs()[0]);
  CHECK(maxima[2] == 3);
  CHECK(maxima[4] == 5);
  CHECK(maxima[0] == 0);
}

TEST_CASE("smoothing changes nothing before anything is rounded", "[methods][smoothquant]") {
  for (const char* layers : {"norms", "all"}) {
    Model model = with_outliers(5);
    const Matrix before = hidden(model);
    compressed(cat("{method: smoothquant, weights: keep, activations: keep, layers: ", layers, "}"), model);
    CHECK(relative_error(hidden(model), before) < 1e-5);
    CHECK(model.blocks[0].slot(Linear::down).op->format() ==
          (std::string(layers) == "all" ? "scaled_input(dense.f32)" : "dense.f32"));
  }
}

TEST_CASE("alpha says whose range becomes even", "[methods][smoothquant]") {
  const auto smoothed = [](double alpha) {
    Model model = with_outliers(7);
    compressed(cat("{method: smoothquant, weights: keep, activations: keep, alpha: ", alpha, "}"), model);
    return model;
  };
  // 1/2: inputs and weights end with the same maximum; 1: every input's is 1; 0: every column's.
  Model half = smoothed(0.5), one = smoothed(1), zero = smoothed(0);
  for (const ScalePair& pair : norm_pairs()) {
    const std::vector<float> x = input_maxima(half, pair.readers[0]), w = column_maxima(half.blocks[0], pair);
    const std::vector<float> x_of_one = input_maxima(one, pair.readers[0]);
    const std::vector<float> w_of_zero = column_maxima(zero.blocks[0], pair);
    for (size_t j = 0; j < x.size(); ++j) {
      CHECK(x[j] == Approx(w[j]).epsilon(1e-4));
      CHECK(x_of_one[j] == Approx(1).epsilon(1e-4));
      CHECK(w_of_zero[j] == Approx(1).epsilon(1e-4));
    }
  }
  // Smoothed once, nothing is left to smooth.
  const std::vector<float> norm = half.blocks[0].attention_norm;
  compressed("{method: smoothquant, weights: keep, activations: keep}", half);
  for (size_t j = 0; j < norm.size(); ++j) CHECK(half.blocks[0].attention_norm[j] == Approx(norm[j]).epsilon(1e-3));
}

TEST_CASE("an input with outliers costs plain 8-bit activations much, smoothquant and llm_int8 little",
          "[methods][smoothquant][llm_int8]") {
  const Matrix expected = hidden(with_outliers(5));
  const auto error = [&](const std::string& yaml) {
    Model model = with_outliers(5);
    compressed(yaml, model);
    return relative_error(hidden(model), expected);
  };
  Model even = tiny_model(5);
  const Matrix expected_of_even = hidden(even);
  compressed(kPlain, even);
  const double plain = error(kPlain), without_outliers = relative_error(hidden(even), expected_of_even);
  CHECK(plain > 5 * without_outliers);
  // At least four fifths of what is lost come back.
  CHECK(error("{method: smoothquant}") < without_outliers + 0.2 * (plain - without_outliers));
  CHECK(error("{method: llm_int8}") < without_outliers + 0.2 * (plain - without_outliers));
}

TEST_CASE("smoothquant O3 stores the scale of the largest smoothed input of the calibration set", "[methods][smoothquant]") {
  Model smoothed = with_outliers(5), model = with_outliers(5);
  compressed("{method: smoothquant, layers: all, weights: keep, activations: keep}", smoothed);
  compressed("{method: smoothquant, weights: int8_tensor, activations: int8_static}", model);
  for (const Linear linear : {Linear::q, Linear::v, Linear::up}) {
    const LinearOp& op = *model.blocks[0].slot(linear).op;
    CHECK(op.format() == "quantised_input.static(int8.row.sym.f32)");
    const std::optional<float> scale = dynamic_cast<const QuantisedInput&>(op).shared_scale({});
    CHECK(*scale == Approx(std::ranges::max(input_maxima(smoothed, linear)) / 127).epsilon(1e-4));
  }
  // The weights have one scale, too: that of the matrix' largest magnitude.
  const Matrix w = smoothed.blocks[0].slot(Linear::q).op->to_dense(), q = model.blocks[0].slot(Linear::q).op->to_dense();
  float largest = 0;
  for (const float value : w.values()) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < w.size(); ++i) {
    const float codes = q.values()[i] / (largest / 127);
    CHECK(codes == Approx(std::round(codes)).margin(1e-3));
    CHECK(std::abs(q.values()[i] - w.values()[i]) <= 0.501f * largest / 127);
  }
}

TEST_CASE("at each of smoothquant's levels outliers cost nothing", "[methods][smoothquant]") {
  // Smoothed halfway, inputs and weights are the same with the outliers and without.
  for (const char* activations : {"int8", "int8_tensor", "int8_static"}) {
    const std::string yaml = cat("{method: smoothquant, weights: int8_tensor, activations: ", activations, "}");
    const auto error = [&](Model model) {
      const Matrix expected = hidden(model);
      compressed(yaml, model);
      return relative_error(hidden(model), expected);
    };
    CAPTURE(yaml);
    const double even = error(tiny_model(5));
    CHECK(even > 0);
    CHECK(even < 0.05);
    CHECK(error(with_outliers(5)) < 1.2 * even);
  }
}

TEST_CASE("without smoothing outliers cost 8-bit activations much, the more the coarser their scale", "[methods][rtn]") {
  const auto error = [](const std::string& yaml) {
    Model model = with_outliers(5);
    const Matrix expected = hidden(model);
    compressed(yaml, model);
    return relative_error(hidden(model), expected);
  };
  const auto plain = [&](const std::string& activations) {
    return error("{method: rtn, bits: 8, group: row, scheme: absmax, activations: " + activations + "}");
  };
  const auto smoothed = [&](const std::string& activations) { return error("{method: smoothquant, activations: " + activations + "}"); };
  for (const std::string activations : {"int8", "int8_tensor", "int8_static"}) {
    CAPTURE(activations);
    CHECK(plain(activations) > 2 * smoothed(activations));
  }
  CHECK(plain("int8_tensor") > plain("int8"));
  CHECK(plain("int8_static") > plain("int8"));
}

TEST_CASE("llm_int8 keeps the columns of outliers and rounds the rest", "[methods][llm_int8]") {
  Model model = with_outliers(5);
  const Matrix before = model.blocks[0].slot(Linear::q).op->to_dense();
  const std::vector<float> maxima = input_maxima(model, Linear::q);
  for (size_t j = 0; j < 16; ++j) REQUIRE((maxima[j] >= 6) == (j == 5));
  const Report report = compressed("{method: llm_int8, threshold: 6}", model);
  const LinearOp& op = *model.blocks[0].slot(Linear::q).op;
  CHECK(op.format() == "sum(selected_input(quantised_input(int8.row.sym.f32)), selected_input(dense.f32))");
  CHECK(report.counts.at("outlier_columns") >= 2 * 5);
  const Matrix after = op.to_dense();
  for (size_t o = 0; o < 16; ++o) {
    float largest = 0;
    for (size_t j = 0; j < 16; ++j)
      if (j != 5) largest = std::max(largest, std::abs(before(o, j)));
    CHECK(after(o, 5) == before(o, 5));
    for (size_t j = 0; j < 16; ++j) CHECK(std::abs(after(o, j) - before(o, j)) <= 0.501f * largest / 127);
  }
}

TEST_CASE("the larger an outlier the more plain rounding loses, and llm_int8 no more than without one", "[methods][llm_int8]") {
  const auto error = [](const std::string& yaml, float times) {
    Model model = with_outliers(5, times);
    const Matrix expected = hidden(model);
    compressed(yaml, model);
    return relative_error(hidden(model), expected);
  };
  const double without_outlier = error(kPlain, 1);
  double before = without_outlier;
  for (const float times : {12.0f, 60.0f, 100.0f}) {
    CAPTURE(times);
    const double plain = error(kPlain, times);
    CHECK(plain > before);
    CHECK(error("{method: llm_int8, threshold: 6}", times) < 1.1 * without_outlier);
    before = plain;
  }
}

TEST_CASE("a threshold that nothing or everything reaches", "[methods][llm_int8]") {
  // None: vector-wise rounding, which is rtn's, byte for byte. All: the weights as they were.
  for (const char* threshold : {"0", "1e9"}) {
    Model model = tiny_model(5), plain = tiny_model(5);
    compressed(cat("{method: llm_int8, threshold: ", threshold, "}"), model);
    compressed(kPlain, plain);
    for (size_t i = 0; i < kLinears.size(); ++i) {
      CHECK(model.blocks[1].slots[i].op->format() == "quantised_input(int8.row.sym.f32)");
      CHECK(model.blocks[1].slots[i].op->to_dense() == plain.blocks[1].slots[i].op->to_dense());
    }
    CHECK(hidden(model) == hidden(plain));
  }
  Model model = tiny_model(5);
  compressed("{method: llm_int8, threshold: 1e-12}", model);
  CHECK(hidden(model) == hidden(tiny_model(5)));
}

TEST_CASE("a pipeline rounds inside what smoothquant left", "[methods][pipeline][smoothquant]") {
  Model model = with_outliers(5);
  const Matrix expected = hidden(model);
  compressed("{method: smoothquant, layers: all, weights: keep}", model);
  CHECK(model.blocks[0].slot(Linear::o).op->format() == "scaled_input(quantised_input(dense.f32))");
  const Report report = compressed("{method: gptq, bits: 8, group: row, sym: true}", model);
  CHECK(report.layers[0].format == "quantised_input(int8.row.sym.f32)");
  CHECK(model.blocks[0].slot(Linear::o).op->format() == "scaled_input(quantised_input(int8.row.sym.f32))");
  CHECK(relative_error(hidden(model), expected) < 0.02);
}

TEST_CASE("smoothquant and llm_int8 say what they do not take", "[methods][config]") {
  Model model = tiny_model(1);
  CHECK_THROWS_WITH(compressed("{method: smoothquant, alpha: 1.5}", model),
                    "test.yaml:1:30: alpha: expected 0 <= alpha <= 1, got 1.5");
  CHECK_THROWS_WITH(compressed("{method: llm_int8, threshold: -1}", model),
                    "test.yaml:1:31: threshold: expected threshold >= 0, got -1");
  Slot& slot = model.blocks[1].slot(Linear::k);
  slot.op = make_quantised_input(std::move(slot.op));
  CHECK_THROWS_WITH(compressed("{method: smoothquant}", model),
                    "smoothquant: model.layers.1.k_proj is quantised_input(dense.f32): it treats whole weights, so it comes "
                    "before what splits them");
}
