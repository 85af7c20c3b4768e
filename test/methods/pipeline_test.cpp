// Methods behind each other: what one leaves, the next treats, leaf by leaf where it left trees.
#include <catch2/catch.hpp>

#include <cmath>

#include "harness/ops/tree.h"
#include "test/support/calibration.h"
#include "test/support/originals.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

// Runs the steps as a run does, and returns the last one's report.
std::vector<LayerReport> run(Model& model, const std::vector<std::string>& steps) {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(short_text(), *backend, originals_of(model));
  std::vector<LayerReport> layers;
  for (const std::string& yaml : steps) {
    const MethodPtr method = method_of(yaml);
    method->check(shape_of(model));
    layers = method->compress(model, calibration).layers;
  }
  return layers;
}

std::vector<float> stored(const Model& model) {
  std::vector<float> all;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots)
      each_leaf(*slot.op, [&](const LinearOp& leaf) {
        const Matrix w = leaf.to_dense();
        all.insert(all.end(), w.values().begin(), w.values().end());
      });
  return all;
}

double zeros(const std::vector<float>& values) { return double(std::ranges::count(values, 0.0f)) / double(values.size()); }

}  // namespace

TEST_CASE("a global threshold of magnitudes is over the factors where weights are split", "[methods][pipeline][magnitude]") {
  Model model = tiny_model(5);
  run(model, {"{method: svd, ratio: 0.5}"});
  std::vector<float> before = stored(model);
  for (float& value : before) value = std::abs(value);
  std::ranges::sort(before);
  const size_t rank = size_t(double(before.size()) * 0.4);
  run(model, {"{method: magnitude, sparsity: 0.4, scope: global}"});
  const std::vector<float> after = stored(model);
  REQUIRE(after.size() == before.size());
  CHECK(size_t(std::ranges::count(after, 0.0f)) == rank + 1);
  for (const float value : after) REQUIRE((value == 0 || std::abs(value) > before[rank]));
}

TEST_CASE("a report's sparsity is that of the factors that are stored, not of their product", "[methods][pipeline]") {
  Model model = tiny_model(5);
  const std::vector<LayerReport> layers = run(model, {"{method: svd, ratio: 0.5}", "{method: wanda, sparsity: 0.5}"});
  for (const LayerReport& layer : layers) CHECK(layer.sparsity == Approx(0.5).margin(0.1));
  const WeightTotals totals = linear_totals(model);
  CHECK(totals.stored == stored(model).size());
  CHECK(totals.sparsity() == Approx(zeros(stored(model))));
  CHECK(totals.stored < totals.weights);
}

TEST_CASE("steps behind each other treat what the one before left", "[methods][pipeline]") {
  const std::pair<std::vector<std::string>, std::string> pipelines[] = {
      {{"{method: svd, ratio: 0.5}", "{method: rtn, bits: 4, group: 16}"}, "chain(int4.g16.f32, int4.g16.f32)"},
      {{"{method: asvd, ratio: 0.5}", "{method: gptq, bits: 4, group: 16}"}, "chain(int4.g16.f32, int4.g16.f32)"},
      {{"{method: sparsegpt, sparsity: 0.5}", "{method: dsnot, layers: all}"}, "sparse.bitmask.f32"},
      {{"{method: wanda, pattern: 2:4}", "{method: dsnot, layers: all}", "{method: rtn, bits: 4, group: 16}"}, "sparse.bitmask.int4.g16.f32"},
      {{"{method: smoothquant, weights: keep}", "{method: gptq, bits: 8, group: row, sym: true}"}, "quantised_input(int8.row.sym.f32)"},
      {{"{method: awq, weights: keep}", "{method: wanda, sparsity: 0.5}", "{method: gptq, bits: 4, group: 16}"}, "sparse.bitmask.int4.g16.f32"},
      {{"{method: awq, layers: all, weights: keep}", "{method: rtn, bits: 4, group: 16}"}, "int4.g16.f32"},
  };
  for (const auto& [steps, format] : pipelines) {
    CAPTURE(steps);
    Model model = tiny_model(5);
    const std::vector<LayerReport> layers = run(model, steps);
    const LinearOp& q = *model.blocks[0].slot(Linear::q).op;
    CHECK(q.format() == format);
    for (size_t i = 0; i < layers.size(); ++i) {
      REQUIRE(layers[i].weight_error.has_value());
      CHECK(*layers[i].weight_error < 1);
    }
    for (const float value : stored(model)) REQUIRE(std::isfinite(value));
  }
}

TEST_CASE("what a method will leave of a shape is known before it runs", "[methods][pipeline]") {
  // Of rank 7 k and v [8, 16] stay whole.
  for (const std::string yaml :
       {"{method: svd, ratio: 0.95}", "{method: svd, rank: 7}", "{method: asvd, ratio: 0.5}",
        "{method: laser, blocks: [1], layers: mlp, fraction: 0.3}", "{method: wanda, sparsity: 0.5}", "{method: rtn}"}) {
    CAPTURE(yaml);
    Model model = tiny_model(5);
    const ModelShape foreseen = method_of(yaml)->after(shape_of(model));
    run(model, {yaml});
    const ModelShape found = shape_of(model);
    REQUIRE(foreseen.layers.size() == found.layers.size());
    for (size_t i = 0; i < found.layers.size(); ++i) {
      CHECK(foreseen.layers[i].name == found.layers[i].name);
      CHECK(foreseen.layers[i].leaves == found.layers[i].leaves);
      CHECK(foreseen.layers[i].is_tree == found.layers[i].is_tree);
    }
  }
}

TEST_CASE("the error of weights is relative and squared: by hand", "[methods][pipeline]") {
  Model model = tiny_model(5);
  Matrix w(16, 16);
  w(0, 0) = 3;
  w(1, 1) = 4;
  w(0, 1) = w(1, 2) = 1;
  model.blocks[0].slot(Linear::q).op = make_dense(w.view(), Dtype::f32);
  // Half of each row: of 16 the eight lowest, zeros all of them.
  const std::vector<LayerReport> none = run(model, {"{method: wanda, sparsity: 0.5}"});
  CHECK(*none[0].weight_error == 0);
  model.blocks[0].slot(Linear::q).op = make_dense(w.view(), Dtype::f32);
  // 15 of 16: the largest stays.
  const std::vector<LayerReport> one = run(model, {"{method: magnitude, sparsity: 0.9375, scope: row}"});
  CHECK(*one[0].weight_error == Approx(2.0 / 27.0));  // 1 + 1 of 9 + 16 + 1 + 1
}
