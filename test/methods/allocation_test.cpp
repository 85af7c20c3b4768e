#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

#include "harness/engine/model_scorer.h"
#include "methods/allocation.h"
#include "test/support/calibration.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

SparsityAllocation allocation_of(const std::string& yaml) { return SparsityAllocation(ConfigNode::parse(yaml, "test.yaml")); }

double zeros(const Model& model, size_t block, Linear linear) {
  const LinearOp& op = *model.blocks[block].slot(linear).op;
  return 1 - double(op.nonzeros()) / double(op.out() * op.in());
}

// Mean of -log p of the next token, by a forward of the whole model.
double whole_loss(const Model& model, const Backend& backend, const std::vector<int32_t>& sample) {
  Transformer transformer(model, backend);
  Batch batch;
  batch.add(0, 0, sample);
  const std::vector<size_t> capacity{sample.size()};
  const auto cache = transformer.make_cache(capacity, false);
  std::vector<int32_t> targets(sample.begin() + 1, sample.end());
  targets.push_back(-1);
  double sum = 0;
  for (const TokenScore& score : transformer.head(transformer.forward(batch, *cache), targets)) sum -= double(score.log_prob);
  return sum / double(sample.size() - 1);
}

}  // namespace

TEST_CASE("every pruning method gives blocks and layers the sparsity that they are to have", "[methods][allocation]") {
  const auto backend = make_cpu_backend({});
  const std::string allocation = "sparsity: 0.5, allocation: {blocks: [0.25, 0.75], layers: {v_proj: 0.5, model.layers.1.v_proj: 0}}";
  for (const std::string method : {"wanda", "magnitude, scope: row", "magnitude", "sparsegpt"}) {
    CAPTURE(method);
    Model model = tiny_model(5);
    make_method(ConfigNode::parse("{method: " + method + ", " + allocation + "}", "test.yaml"))
        ->compress(model, Calibration(random_text(6, 4), *backend));
    // A threshold takes one weight more than asked for.
    CHECK(zeros(model, 0, Linear::q) == Approx(0.25).margin(0.005));
    CHECK(zeros(model, 1, Linear::down) == Approx(0.75).margin(0.005));
    CHECK(zeros(model, 0, Linear::v) == Approx(0.5).margin(0.01));
    CHECK(zeros(model, 1, Linear::v) == Approx(0).margin(0.01));
  }
}

TEST_CASE("the rank of its sensitivity decides a sparsity, and their mean is the one asked for", "[methods][allocation]") {
  const std::vector<double> sensitivities{3, -1, 2};
  const std::vector<double> expected{0.4, 0.6, 0.5};
  const std::vector<double> found = sparsities_by_rank(sensitivities, 0.5, 0.1);
  for (size_t i = 0; i < 3; ++i) CHECK(found[i] == Approx(expected[i]));
  CHECK(sparsities_by_rank(std::vector<double>{7}, 0.5, 0.1) == std::vector<double>{0.5});
}

TEST_CASE("the loss block by block is that of the whole model", "[methods][allocation]") {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(random_text(6, 4), *backend);
  const Model model = tiny_model(5);
  BlockwiseLoss loss(model, calibration, 2);
  const CalibrationSet text = random_text(6, 4);
  const double expected = (whole_loss(model, *backend, text.samples[0]) + whole_loss(model, *backend, text.samples[1])) / 2;
  CHECK(loss.loss() == Approx(expected));
  loss.advance();
  CHECK(loss.loss() == Approx(expected));
  loss.advance();
  CHECK(loss.loss() == Approx(expected));
}

TEST_CASE("a block on which little depends loses more weights", "[methods][allocation]") {
  const auto backend = make_cpu_backend({});
  const Calibration calibration(random_text(6, 4), *backend);
  for (const size_t quiet : {0, 1}) {
    Model model = tiny_model(5);
    for (float& gain : model.blocks[quiet].attention_norm) gain *= 0.01f;
    for (float& gain : model.blocks[quiet].mlp_norm) gain *= 0.01f;
    const Matrix before = model.blocks[0].slot(Linear::q).op->to_dense();
    const LayerPatterns patterns =
        allocation_of("{sparsity: 0.6, allocation: {sensitivity: {spread: 0.2, probes: 4, samples: 4}}}").patterns(model, calibration);
    CHECK(patterns.at(quiet, Linear::up).sparsity() == Approx(0.8));
    CHECK(patterns.at(1 - quiet, Linear::up).sparsity() == Approx(0.4));
    CHECK(model.blocks[0].slot(Linear::q).op->to_dense() == before);
  }
}

TEST_CASE("sparsities by sensitivity harm less than equal ones, the same the other way round more", "[methods][allocation]") {
  for (const size_t quiet : {0, 1}) {
    const auto error = [&](const std::string& allocation) {
      Model model = tiny_model(5);
      for (float& gain : model.blocks[quiet].attention_norm) gain *= 0.01f;
      for (float& gain : model.blocks[quiet].mlp_norm) gain *= 0.01f;
      const Matrix before = hidden(model);
      compress_by(model, "{method: wanda, sparsity: 0.6" + allocation + "}");
      return squared_distance(hidden(model), before);
    };
    const double even = error("");
    CHECK(error(", allocation: {sensitivity: {spread: 0.2, probes: 4, samples: 4}}") < even);
    CHECK(error(quiet == 0 ? ", allocation: {blocks: [0.4, 0.8]}" : ", allocation: {blocks: [0.8, 0.4]}") > even);
  }
}

TEST_CASE("an allocation that does not fit is refused, and says where", "[methods][allocation][config]") {
  const Model model = tiny_model(1);
  CHECK_THROWS_WITH(allocation_of("{sparsity: 0.5, allocation: {blocks: [0.5]}}").check(shape_of(model)),
                    "test.yaml:1:38: allocation.blocks: expected 2 sparsities, one a block, got 1");
  CHECK_THROWS_WITH(allocation_of("{sparsity: 0.5, allocation: {layers: {donw_proj: 0.2}}}").check(shape_of(model)),
                    "test.yaml:1:50: allocation.layers.donw_proj: the model has no layer of that name (did you mean 'down_proj'?)");
  CHECK_THROWS_WITH(allocation_of("{sparsity: 0.5, allocation: {blocks: [0.5, 1]}}"),
                    "test.yaml:1:44: allocation.blocks[1]: expected 0 <= sparsity < 1, got 1");
  CHECK_THROWS_WITH(allocation_of("{pattern: 2:4, allocation: {blocks: [0.5, 0.5]}}"),
                    "test.yaml:1:28: allocation: expected none beside a pattern, which is the same everywhere");
  CHECK_THROWS_WITH(allocation_of("{sparsity: 0.5, allocation: {}}"),
                    "test.yaml:1:29: allocation: expected blocks, layers or sensitivity, got none of them");
  CHECK_THROWS_WITH(allocation_of("{sparsity: 0.5, allocation: {sensitivity: {spread: 0.5}}}"),
                    "test.yaml:1:52: allocation.sensitivity.spread: expected 0 <= spread < 0.5 around a sparsity of 0.5, got 0.5");
  CHECK_THROWS_WITH(make_method(ConfigNode::parse("{method: magnitude, scope: global, allocation: {blocks: [0.5, 0.5]}}", "test.yaml")),
                    "test.yaml:1:48: allocation: expected none beside scope: global, where one threshold serves all layers");
}
