#include <catch2/catch.hpp>
#include <set>

#include <algorithm>
#include <cmath>

#include "test/support/calibration.h"
#include "test/support/originals.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

// The model after `steps`, with the weights that it had before them at hand.
Report compress(Model& model, const std::vector<std::string>& steps, const CalibrationSet& set) {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(set, *backend, originals_of(model));
  Report last{{}};
  for (const std::string& yaml : steps) last = method_of(yaml)->compress(model, calibration);
  return last;
}

// Inputs of block 0's first layers are far from zero on average.
Model biased_model() {
  Model model = tiny_model(5);
  Matrix embedding = model.embedding->to_dense();
  for (float& value : embedding.values()) value += 1;
  model.embedding = make_dense(embedding.view(), Dtype::f32);
  return model;
}

// What each row of block 0's q lacks of its expected output, summed over the 16 tokens of a sample.
std::vector<double> row_errors(const Model& pruned) {
  const auto backend = make_cpu_backend({});
  Model dense = biased_model();
  std::vector<double> errors;
  Calibration(random_text(4, 8), *backend).sweep(dense, {.column_means = true}, [&](const Layer& layer, const Inputs& x) {
    const Matrix before = layer.weight();
    if (layer.block == 0 && layer.linear == Linear::q) {
      const Matrix after = weight(pruned, 0, Linear::q);
      for (size_t i = 0; i < before.rows(); ++i) {
        double error = 0;
        for (size_t j = 0; j < before.cols(); ++j) error += double(before(i, j) - after(i, j)) * x.column_means()[j] * 16;
        errors.push_back(error);
      }
    }
    return make_dense(before.view(), layer.dtype);
  });
  return errors;
}

}  // namespace

TEST_CASE("dsnot keeps the number of zeros of each row and takes no weight that was not there", "[methods][dsnot]") {
  for (const std::string before : {"{method: wanda, sparsity: 0.5}", "{method: magnitude, sparsity: 0.5}"}) {
    Model wanda = tiny_model(5), refined = tiny_model(5);
    const Model dense = tiny_model(5);
    compress(wanda, {before}, random_text(4, 8));
    const Report report = compress(refined, {before, "{method: dsnot, layers: all}"}, random_text(4, 8));
    CHECK(report.counts.at("regrown_weights") > 0);
    for (size_t b = 0; b < 2; ++b)
      for (const Linear linear : kLinears) {
        const Matrix w = weight(dense, b, linear), p = weight(wanda, b, linear), r = weight(refined, b, linear);
        for (size_t i = 0; i < w.rows(); ++i) {
          REQUIRE(std::ranges::count(p.row(i), 0.0f) == std::ranges::count(r.row(i), 0.0f));
          for (size_t j = 0; j < w.cols(); ++j) REQUIRE((r(i, j) == 0 || r(i, j) == w(i, j)));
        }
      }
  }
}

TEST_CASE("with same_sign no row of dsnot ends further from its expected output", "[methods][dsnot]") {
  Model wanda = biased_model(), refined = biased_model();
  compress(wanda, {"{method: wanda, sparsity: 0.5}"}, random_text(4, 8));
  compress(refined, {"{method: wanda, sparsity: 0.5}", "{method: dsnot, same_sign: true}"}, random_text(4, 8));
  const std::vector<double> before = row_errors(wanda), after = row_errors(refined);
  for (size_t i = 0; i < before.size(); ++i) CHECK(std::abs(after[i]) <= std::abs(before[i]));
  CHECK(after != before);
}

// No more than that: of a group the lowest goes, whatever it does to the error.
TEST_CASE("after N:M no row of dsnot changes the sign of what its expected output lacks", "[methods][dsnot]") {
  Model wanda = biased_model(), refined = biased_model();
  compress(wanda, {"{method: wanda, pattern: 2:4}"}, random_text(4, 8));
  compress(refined, {"{method: wanda, pattern: 2:4}", "{method: dsnot}"}, random_text(4, 8));
  const std::vector<double> before = row_errors(wanda), after = row_errors(refined);
  for (size_t i = 0; i < before.size(); ++i) CHECK((after[i] > 0) == (before[i] > 0));
  CHECK(after != before);
}

namespace {

// Row 0 of block 0's q begins with `original`, of which pruning has left `pruned`; the rest of the matrix is zero.
// Each input is 1 for three tokens of the one sample and -1 for one: m_j = 2, a variance of 3/4, a norm of 2; those of `always` are 1
// for all four: m_j = 4, a variance of 0. Input j is multiplied by gains[j], where there is one.
std::vector<float> refined_row(std::vector<float> original, std::vector<float> pruned, const std::string& yaml,
                               const std::set<size_t>& always = {}, const std::vector<float>& gains = {}) {
  Model model = tiny_model(9);
  Matrix embedding(64, 16);
  for (size_t t = 0; t < 64; ++t)
    for (size_t j = 0; j < 16; ++j) embedding(t, j) = j % 4 == t % 4 && !always.contains(j) ? -1.0f : 1.0f;
  model.embedding = make_dense(embedding.view(), Dtype::f32);
  model.config.norm_epsilon = 0;
  std::ranges::copy(gains, model.blocks[0].attention_norm.begin());
  const auto put = [&](const std::vector<float>& row, const auto& make) {
    Matrix w(16, 16);
    std::ranges::copy(row, w.row(0).begin());
    model.blocks[0].slot(Linear::q).op = make(w.view(), Dtype::f32);
  };
  put(original, make_dense);
  const auto backend = make_cpu_backend({});
  CalibrationSet set;
  set.samples = {{0, 1, 2, 3}};
  const Calibration calibration(set, *backend, originals_of(model));
  const auto two_of_four = [](MatrixView w, Dtype dtype) { return make_sparse_nm(w, 2, 4, dtype); };
  yaml.find("pattern") == yaml.npos ? put(pruned, make_sparse_bitmask) : put(pruned, two_of_four);
  make_method(ConfigNode::parse("{method: dsnot" + yaml.substr(yaml.find(';') + 1) + "}", "test.yaml"))->compress(model, calibration);
  const Matrix w = weight(model, 0, Linear::q);
  return {w.row(0).begin(), w.row(0).begin() + static_cast<ptrdiff_t>(original.size())};
}

}  // namespace

TEST_CASE("dsnot swaps weights as its paper does: a row by hand", "[methods][dsnot]") {
  // error 2 * (2 + 1 + 0.5) = 7. 2 grows and -1 goes: 7 - 4 - 2 = 1. 1 grows and -3 goes: 1 - 2 - 6 = -7, and of the
  // pruned none is negative.
  const std::vector<float> original{4, -3, 2, -1, 1, 0.5}, pruned{4, -3, 0, -1, 0, 0};
  CHECK(refined_row(original, pruned, "") == std::vector<float>{4, 0, 2, 0, 1, 0});
  CHECK(refined_row(original, pruned, ", same_sign: true") == std::vector<float>{4, -3, 2, 0, 0, 0});
  CHECK(refined_row(original, pruned, ", max_cycles: 1") == std::vector<float>{4, -3, 2, 0, 0, 0});
  CHECK(refined_row(original, pruned, ", threshold: 2") == std::vector<float>{4, -3, 2, 0, 0, 0});
  CHECK(refined_row(original, pruned, ", threshold: 7") == pruned);
}

TEST_CASE("dsnot grows back what varies least, and prunes by Wanda's score: by hand", "[methods][dsnot]") {
  // 2 counts for 4 under a variance of 3/4; 0.5 for 2 under none, which comes first unless the variance has no power.
  // Error 6: 0.5 grows and -1 goes: 6 - 2 - 2 = 2; or 2 grows: 6 - 4 - 2 = 0.
  const std::vector<float> original{4, -3, -1, 2, 0.5}, pruned{4, -3, -1, 0, 0};
  CHECK(refined_row(original, pruned, ", max_cycles: 1", {4}) == std::vector<float>{4, -3, 0, 0, 0.5});
  CHECK(refined_row(original, pruned, ", max_cycles: 1, power: 0", {4}) == std::vector<float>{4, -3, 0, 2, 0});
  // Behind a gain of 8 the score of -1 is 16, that of -3 is 6.
  CHECK(refined_row(original, pruned, ", max_cycles: 1", {4}, {1, 1, 8}) == std::vector<float>{4, 0, -1, 0, 0.5});
}

TEST_CASE("dsnot swaps within a group of N:M, whatever the sign of what goes: by hand", "[methods][dsnot]") {
  // error 2 * (2 - 1 + 1 + 0.5) = 5. 2 grows and 2.5 goes: 5 - 4 + 5 = 6. 1 grows and -1.5 goes: 6 - 2 - 3 = 1.
  const std::vector<float> original{4, 2.5, 2, -1, 3, -1.5, 1, 0.5}, pruned{4, 2.5, 0, 0, 3, -1.5, 0, 0};
  CHECK(refined_row(original, pruned, "pattern;, max_cycles: 2") == std::vector<float>{4, 0, 2, 0, 3, 0, 1, 0});
  // 1 grows and -3 goes: 3 - 2 - 6 < 0 would change the sign.
  CHECK(refined_row({4, -3, 1, 0.5}, {4, -3, 0, 0}, "pattern;") == std::vector<float>{4, -3, 0, 0});
}

TEST_CASE("what kept weights make up for is no error to dsnot", "[methods][dsnot]") {
  // 2 has gone, and 4 has become 6 in its place.
  CHECK(refined_row({4, -3, 2, -1}, {6, -3, 0, -1}, "") == std::vector<float>{6, -3, 0, -1});
}

TEST_CASE("dsnot keeps N:M, and by default the mlp", "[methods][dsnot]") {
  Model wanda = tiny_model(5), refined = tiny_model(5);
  compress(wanda, {"{method: wanda, pattern: 2:4}"}, random_text(4, 8));
  const Report report = compress(refined, {"{method: wanda, pattern: 2:4}", "{method: dsnot}"}, random_text(4, 8));
  CHECK(report.layers[0].format == "sparse.2:4.f32");
  CHECK(weight(refined, 0, Linear::q) != weight(wanda, 0, Linear::q));
  for (const Linear linear : {Linear::gate, Linear::up, Linear::down}) CHECK(weight(refined, 0, linear) == weight(wanda, 0, linear));
}

TEST_CASE("dsnot without cycles changes nothing", "[methods][dsnot]") {
  Model wanda = tiny_model(5), refined = tiny_model(5);
  compress(wanda, {"{method: wanda, sparsity: 0.5}"}, random_text(4, 8));
  compress(refined, {"{method: wanda, sparsity: 0.5}", "{method: dsnot, layers: all, max_cycles: 0}"}, random_text(4, 8));
  for (const Linear linear : kLinears) CHECK(weight(refined, 1, linear) == weight(wanda, 1, linear));
}

TEST_CASE("dsnot changes nothing where every input is zero on average", "[methods][dsnot]") {
  // Token 2n + 1 is the opposite of token 2n, and each is there once.
  const auto opposites = [] {
    Model model = tiny_model(5);
    Matrix embedding = model.embedding->to_dense();
    for (size_t t = 0; t < 64; t += 2)
      for (size_t j = 0; j < 16; ++j) embedding(t + 1, j) = -embedding(t, j);
    model.embedding = make_dense(embedding.view(), Dtype::f32);
    return model;
  };
  CalibrationSet set;
  for (int32_t s = 0; s < 4; ++s) {
    set.samples.emplace_back();
    for (int32_t t = 0; t < 16; ++t) set.samples.back().push_back(16 * s + t);
  }
  Model wanda = opposites(), refined = opposites();
  compress(wanda, {"{method: wanda, sparsity: 0.5}"}, set);
  compress(refined, {"{method: wanda, sparsity: 0.5}", "{method: dsnot}"}, set);
  CHECK(weight(refined, 0, Linear::q) == weight(wanda, 0, Linear::q));
}

TEST_CASE("dsnot leaves layers alone that nobody has pruned, and refuses those of other methods", "[methods][dsnot]") {
  Model model = tiny_model(5);
  const Report report = compress(model, {"{method: dsnot, layers: all}"}, random_text(4, 8));
  CHECK(weight(model, 0, Linear::q) == weight(tiny_model(5), 0, Linear::q));
  CHECK(model.blocks[0].slot(Linear::q).op->format() == "dense.f32");
  CHECK(report.counts.at("layers_left_alone") == 14);
  Model rounded = tiny_model(5);
  CHECK_THROWS_WITH(compress(rounded, {"{method: gptq, group: 16}", "{method: dsnot}"}, random_text(4, 8)),
                    "dsnot: model.layers.0.q_proj is int4.g16.f32: it refines pruned layers, so it comes right after the pruning");
}

TEST_CASE("without the original weights dsnot says so", "[methods][dsnot]") {
  const auto backend = make_cpu_backend({});
  Model model = tiny_model(5);
  const Calibration calibration(random_text(4, 8), *backend);
  make_method(ConfigNode::parse("{method: wanda, sparsity: 0.5}", "test.yaml"))->compress(model, calibration);
  CHECK_THROWS_WITH(make_method(ConfigNode::parse("method: dsnot", "test.yaml"))->compress(model, calibration),
                    "calibration: the original weights of model.layers.0.q_proj are not at hand");
}
