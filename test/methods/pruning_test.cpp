// What a pruning method's masks do and do not depend on.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "test/support/calibration.h"
#include "test/support/unit_inputs.h"

using namespace evalharness;

namespace {

// 1 where a weight of block 0's q stays.
Matrix mask_of(const Model& model) {
  Matrix mask = weight(model, 0, Linear::q);
  for (float& value : mask.values()) value = value != 0 ? 1.0f : 0.0f;
  return mask;
}

Matrix wanda_mask(Model model, const CalibrationSet& text = random_text(8, 4)) {
  compress_by(model, "{method: wanda, sparsity: 0.5}", text);
  return mask_of(model);
}

Model with_q(Model model, const Matrix& w) {
  model.blocks[0].slot(Linear::q).op = make_dense(w.view(), Dtype::f32);
  return model;
}

}  // namespace

TEST_CASE("wanda's mask does not depend on the scale of a row, of all inputs, or on text seen twice", "[methods][wanda]") {
  const Matrix mask = wanda_mask(tiny_model(5));
  Matrix w = weight(tiny_model(5), 0, Linear::q);
  for (size_t i = 0; i < w.rows(); ++i)
    for (float& value : w.row(i)) value *= static_cast<float>(i + 1);
  CHECK(wanda_mask(with_q(tiny_model(5), w)) == mask);

  Model louder = tiny_model(5);
  for (float& gain : louder.blocks[0].attention_norm) gain *= 7;
  CHECK(wanda_mask(std::move(louder)) == mask);

  CalibrationSet twice = random_text(8, 4);
  const auto once = twice.samples;
  twice.samples.insert(twice.samples.end(), once.begin(), once.end());
  CHECK(wanda_mask(tiny_model(5), twice) == mask);
}

TEST_CASE("wanda with inputs of one norm is magnitude pruning of each row", "[methods][wanda]") {
  Model wanda = model_on_unit_vectors(), magnitude = model_on_unit_vectors();
  compress_by(wanda, "{method: wanda, sparsity: 0.5}", each_token_once());
  compress_by(magnitude, "{method: magnitude, sparsity: 0.5, scope: row}");
  CHECK(mask_of(wanda) == mask_of(magnitude));
}

TEST_CASE("wanda's variant takes a share of the scores of each row: by hand", "[methods][wanda]") {
  // Inputs of one norm. 40 % of the scores of a row with one weight of 100 are its 15 others (1.0 .. 1.14, together 16 of 116);
  // of a row with 10, 11 .. 25 (280) they are its first eight (108): 8 * 15 + 8 * 8 of 256 weights.
  Matrix w(16, 16);
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 16; ++j) {
      const float sign = (i + j) % 2 == 0 ? 1.0f : -1.0f;
      w(i, j) = sign * (i >= 8 ? 10.0f + static_cast<float>(j) : j == 3 ? 100.0f : 1.0f + 0.01f * static_cast<float>(j));
    }
  Model model = with_q(model_on_unit_vectors(), w);
  compress_by(model, "{method: wanda, variant: true, sparsity: 0.71875}", each_token_once());
  const Matrix mask = mask_of(model);
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 16; ++j) CHECK(mask(i, j) == ((i < 8 ? j == 3 : j >= 8) ? 1.0f : 0.0f));
  // Alpha ends at 0.8: a layer that would need more is counted.
  Model far = with_q(model_on_unit_vectors(), w);
  CHECK(compress_by(far, "{method: wanda, variant: true, sparsity: 0.99}", each_token_once()).counts.at("layers_off_their_sparsity") > 0);
  Model near = with_q(model_on_unit_vectors(), w);
  CHECK(compress_by(near, "{method: wanda, variant: true, sparsity: 0}", each_token_once()).counts.at("layers_off_their_sparsity") == 0);
  CHECK_THROWS_WITH(method_of("{method: wanda, variant: true, pattern: 2:4}"),
                    "test.yaml:1:26: variant: expected a sparsity: with a pattern every group of a row has as many zeros");
}

TEST_CASE("wanda's variant ends near the sparsity asked for, and keeps the highest scores of each row", "[methods][wanda]") {
  Model model = tiny_model(5, Dtype::f32, 32);
  const Report report = compress_by(model, "{method: wanda, variant: true, sparsity: 0.5}");
  bool differs = false;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    CAPTURE(report.layers[i].name);
    CHECK(report.layers[i].sparsity == Approx(0.5).margin(0.02));
    const Matrix w = model.blocks[i / kLinears.size()].slots[i % kLinears.size()].op->to_dense();
    for (size_t row = 1; row < w.rows(); ++row)
      differs |= std::ranges::count(w.row(row), 0.0f) != std::ranges::count(w.row(0), 0.0f);
  }
  CHECK(differs);
}

TEST_CASE("magnitude's mask goes with the columns", "[methods][magnitude]") {
  const Matrix w = weight(tiny_model(5), 0, Linear::q);
  Matrix turned = w;
  for (size_t i = 0; i < w.rows(); ++i)
    for (size_t j = 0; j < w.cols(); ++j) turned(i, j) = w(i, (j * 5 + 3) % w.cols());
  for (const std::string scope : {"layer", "row", "global"}) {
    Model straight = tiny_model(5), permuted = with_q(tiny_model(5), turned);
    for (Model* const model : {&straight, &permuted}) compress_by(*model, "{method: magnitude, sparsity: 0.4, scope: " + scope + "}");
    const Matrix mask = mask_of(straight), other = mask_of(permuted);
    for (size_t i = 0; i < w.rows(); ++i)
      for (size_t j = 0; j < w.cols(); ++j) REQUIRE(other(i, j) == mask(i, (j * 5 + 3) % w.cols()));
  }
}

TEST_CASE("the narrower the choice the more of the weights is lost: layer, row, 8:16, 4:8, 2:4", "[methods][magnitude]") {
  std::vector<double> least(kLinears.size());
  for (const std::string choice : {"sparsity: 0.5", "sparsity: 0.5, scope: row", "pattern: 8:16", "pattern: 4:8", "pattern: 2:4"}) {
    CAPTURE(choice);
    Model model = tiny_model(5, Dtype::f32, 32);
    const Report report = compress_by(model, "{method: magnitude, " + choice + "}");
    for (size_t i = 0; i < kLinears.size(); ++i) {
      CHECK(*report.layers[i].weight_error > least[i]);
      least[i] = *report.layers[i].weight_error;
    }
  }
}

TEST_CASE("an allocation without spread is the method alone", "[methods][allocation]") {
  Model plain = tiny_model(5), spread = tiny_model(5);
  compress_by(plain, "{method: sparsegpt, sparsity: 0.5}");
  compress_by(spread, "{method: sparsegpt, sparsity: 0.5, allocation: {sensitivity: {spread: 0}}}");
  for (size_t b = 0; b < 2; ++b)
    for (const Linear linear : kLinears) CHECK(weight(plain, b, linear) == weight(spread, b, linear));
}
