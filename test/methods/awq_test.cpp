#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "harness/model/transformer.h"
#include "harness/ops/int_group.h"
#include "harness/ops/uniform_grid.h"
#include "methods/clip_search.h"
#include "test/support/calibration.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

// One input in three of each norm is 30 times larger, and its weights as much smaller: the same model, with outliers.
Model with_outliers() {
  Model model = tiny_model(5);
  const auto plant = [](std::vector<float>& norm, Slot& slot) {
    Matrix w = slot.op->to_dense();
    for (size_t j = 0; j < w.cols(); j += 8) {
      norm[j] = 30;
      for (size_t i = 0; i < w.rows(); ++i) w(i, j) /= 5;
    }
    slot.op = make_dense(w.view(), Dtype::f32);
  };
  for (Block& block : model.blocks) {
    for (const Linear linear : {Linear::q, Linear::k, Linear::v}) plant(block.attention_norm, block.slot(linear));
    for (const Linear linear : {Linear::gate, Linear::up}) plant(block.mlp_norm, block.slot(linear));
  }
  return model;
}

}  // namespace

TEST_CASE("before it is rounded, the model that awq has scaled computes what the original does", "[methods][awq]") {
  Model model = with_outliers();
  compress_by(model, "{method: awq, bits: 3, group: 16, weights: keep}");
  CHECK(weight(model, 0, Linear::q) != weight(with_outliers(), 0, Linear::q));
  CHECK(weight(model, 0, Linear::down) != weight(with_outliers(), 0, Linear::down));
  const Matrix before = hidden(with_outliers()), after = hidden(model);
  for (size_t i = 0; i < before.size(); ++i) CHECK(after.values()[i] == Approx(before.values()[i]).epsilon(1e-4).margin(1e-5));
}

TEST_CASE("where query heads share v, awq scales o by its input at run time if asked, and not else", "[methods][awq]") {
  Model folded = with_outliers(), all = with_outliers(), kept = with_outliers();
  REQUIRE(folded.config.heads != folded.config.kv_heads);
  compress_by(folded, "{method: awq, bits: 3, group: 16}");
  compress_by(all, "{method: awq, bits: 3, group: 16, layers: all}");
  compress_by(kept, "{method: awq, bits: 3, group: 16, layers: all, weights: keep}");
  CHECK(folded.blocks[0].slot(Linear::o).op->format() == "int3.g16.f32");
  CHECK(all.blocks[0].slot(Linear::o).op->format() == "scaled_input(int3.g16.f32)");
  CHECK(all.blocks[0].slot(Linear::down).op->format() == "int3.g16.f32");  // up's rows take its scale
  // Not rounded it is the same matrix: diag(s) and diag(1/s) undo each other.
  CHECK(kept.blocks[1].slot(Linear::o).op->format() == "scaled_input(dense.f32)");
  const Matrix before = weight(with_outliers(), 1, Linear::o), after = weight(kept, 1, Linear::o);
  for (size_t i = 0; i < before.size(); ++i) CHECK(after.values()[i] == Approx(before.values()[i]).epsilon(1e-5));
}

TEST_CASE("awq's output is nearer to the original's than rounding's where some inputs are large", "[methods][awq]") {
  Model rounded = with_outliers(), aware = with_outliers(), clipped = with_outliers();
  compress_by(rounded, "{method: rtn, bits: 3, group: 16, scheme: awq}");
  compress_by(aware, "{method: awq, bits: 3, group: 16, clip: false}");
  compress_by(clipped, "{method: awq, bits: 3, group: 16}");
  const Matrix expected = hidden(with_outliers());
  CHECK(squared_distance(hidden(aware), expected) < 0.8 * squared_distance(hidden(rounded), expected));
  CHECK(squared_distance(hidden(clipped), expected) < 0.8 * squared_distance(hidden(rounded), expected));
}

TEST_CASE("where all inputs are equally large, awq without clamping is rounding, code for code", "[methods][awq]") {
  // Every power of one magnitude gives one scale, which is 1: as with r = 0. Inputs of q, k and v are 1 and -1 here.
  const auto even = [] {
    Model model = tiny_model(5);
    Matrix embedding = model.embedding->to_dense();
    for (float& x : embedding.values()) x = x < 0 ? -1.0f : 1.0f;
    model.embedding = make_dense(embedding.view(), Dtype::f32);
    return model;
  };
  Model aware = even(), rounded = even();
  compress_by(aware, "{method: awq, bits: 3, group: 16, clip: false}");
  compress_by(rounded, "{method: rtn, bits: 3, group: 16, scheme: awq}");
  for (const Linear linear : {Linear::q, Linear::k, Linear::v}) CHECK(weight(aware, 0, linear) == weight(rounded, 0, linear));
  CHECK(weight(aware, 0, Linear::up) != weight(rounded, 0, Linear::up));
}

TEST_CASE("awq scales the largest input most", "[methods][awq]") {
  Model model = with_outliers();
  for (float& gain : model.blocks[0].attention_norm) gain = 1;
  model.blocks[0].attention_norm[5] = 30;
  const std::vector<float> before = model.blocks[0].attention_norm;
  compress_by(model, "{method: awq, bits: 3, group: 16, weights: keep}");
  // The norm is divided by the scale.
  std::vector<float> scales;
  for (size_t j = 0; j < 16; ++j) scales.push_back(before[j] / model.blocks[0].attention_norm[j]);
  CHECK(std::ranges::max_element(scales) - scales.begin() == 5);
}

TEST_CASE("of the grid of powers awq takes the one with the least error, as a search of all of them finds", "[methods][awq]") {
  Model model = with_outliers();
  const auto backend = make_cpu_backend({});
  const Calibration calibration(random_text(8, 4), *backend);
  const Rounding rounding{.bits = 3, .group = 16, .fit = UniformGrid::awq_asymmetric, .dtype = Dtype::f32};
  std::vector<std::vector<float>> best;  // s of each block's down
  calibration.observe(model, {.column_magnitudes = true}, [&](const Layer& layer, const Inputs& x) {
    if (layer.linear != Linear::down) return;
    const Matrix w = layer.weight();  // [16, 32]
    double least = -1;
    for (size_t step = 0; step < 20; ++step) {
      std::vector<float> s;
      for (const double a : x.column_magnitudes()) s.push_back(float(std::pow(a, double(step) / 20)));
      const float middle = std::sqrt(std::ranges::min(s) * std::ranges::max(s));
      Matrix scaled = w;
      for (size_t j = 0; j < s.size(); ++j) s[j] /= middle;
      for (size_t i = 0; i < w.rows(); ++i)
        for (size_t j = 0; j < w.cols(); ++j) scaled(i, j) *= s[j];
      const Matrix rounded = make_int_group(round_to_grid(scaled.view(), rounding), Dtype::f32)->to_dense();
      double error = 0;
      for (size_t t = 0; t < x.some().rows(); ++t)
        for (size_t i = 0; i < w.rows(); ++i) {
          double sum = 0;
          for (size_t j = 0; j < w.cols(); ++j) sum += double(x.some()(t, j)) * double(rounded(i, j) / s[j] - w(i, j));
          error += sum * sum;
        }
      if (least >= 0 && error >= least) continue;
      least = error;
      if (best.size() <= layer.block) best.emplace_back();
      best[layer.block] = s;
    }
  });
  const Model before = with_outliers();
  compress_by(model, "{method: awq, bits: 3, group: 16, weights: keep}");
  // down takes s, the rows of up before it 1/s.
  for (size_t b = 0; b < 2; ++b) {
    const Matrix from = weight(before, b, Linear::down), to = weight(model, b, Linear::down);
    for (size_t j = 0; j < from.cols(); ++j) CHECK(to(0, j) / from(0, j) == Approx(best[b][j]).epsilon(1e-4));
  }
}

TEST_CASE("a group is clamped to the range that leaves the least error: by hand", "[methods][awq]") {
  // Two bits: levels a third of the range apart. Whole, (-1, 0, 0, 5) gets steps of 2, and -1 becomes 0 or -2. Only the
  // first input is there, so that the range in which -1 is nearest to a level wins: -2.75 .. 2.75 has steps of 1.25.
  Matrix inputs(1, 4, {1, 0, 0, 0});
  const Matrix w(1, 4, {-1, 0, 0, 5});
  const Rounding rounding{.bits = 2, .group = 4, .fit = UniformGrid::awq_asymmetric, .dtype = Dtype::f32};
  CHECK(clip_groups(w, inputs.view(), rounding).values()[3] == Approx(2.75f));
  // With the last input alone nothing may be cut.
  inputs = Matrix(1, 4, {0, 0, 0, 1});
  CHECK(clip_groups(w, inputs.view(), rounding) == w);
}

TEST_CASE("clamping never leaves a larger error of the outputs than rounding alone", "[methods][awq]") {
  const Matrix w = random_matrix(12, 40, 3), x = random_matrix(50, 40, 4);
  const Rounding rounding{.bits = 3, .group = 16, .fit = UniformGrid::awq_asymmetric, .dtype = Dtype::f32};
  const auto round = [&](const Matrix& m) { return make_int_group(round_to_grid(m.view(), rounding), Dtype::f32)->to_dense(); };
  const Matrix plain = round(w), clipped = round(clip_groups(w, x.view(), rounding));
  size_t better = 0;
  for (size_t i = 0; i < w.rows(); ++i)
    for (size_t first = 0; first < 40; first += 16) {
      double errors[2] = {0, 0};
      for (size_t t = 0; t < x.rows(); ++t) {
        double sums[2] = {0, 0};
        for (size_t j = first; j < std::min<size_t>(40, first + 16); ++j) {
          sums[0] += double(x(t, j)) * double(plain(i, j) - w(i, j));
          sums[1] += double(x(t, j)) * double(clipped(i, j) - w(i, j));
        }
        for (size_t k = 0; k < 2; ++k) errors[k] += sums[k] * sums[k];
      }
      CHECK(errors[1] <= errors[0] * (1 + 1e-5));
      better += errors[1] < 0.99 * errors[0];
    }
  CHECK(better > 0);
}

TEST_CASE("options of awq that cannot be are refused", "[methods][awq][config]") {
  const auto method = [](const std::string& yaml) { return make_method(ConfigNode::parse(yaml, "test.yaml")); };
  CHECK_THROWS_WITH(method("{method: awq, bits: 1}"), "test.yaml:1:21: bits: expected 2..8, got 1");
  CHECK_THROWS_WITH(method("{method: awq, samples: 0}"), "test.yaml:1:24: samples: expected at least 1, got 0");
  Model model = tiny_model(5);
  compress_by(model, "{method: svd, ratio: 0.5}");
  CHECK_THROWS_WITH(method("method: awq")->check(shape_of(model)),
                    "awq: model.layers.0.q_proj is chain(dense.f32, dense.f32): it treats whole weights, so it comes before what splits them");
}
