// Methods that work on the Gram matrix of a layer's inputs, on the real model: the output error of each layer of block 0
// (the sharp test: it changes with any wrong factor, order or threshold) and perplexities, against the originals'. Float32.
#include <catch2/catch.hpp>

#include <cmath>
#include <iostream>
#include <map>

#include "methods/obs.h"
#include "test/support/golden_chain.h"

using namespace evalharness;

namespace {

// 1/2 trace((W - Q) H (W - Q)^T), by layer, of the first block's layers as the method leaves them. With true_sequential
// the goldens' H, that of the dense block, would not be the one that the method saw: not for these.
std::map<std::string, double> block0_errors(const std::string& yaml, const Checkpoint& checkpoint, const Calibration& calibration) {
  Model dense = load_model(checkpoint, Dtype::f32), treated = load_model(checkpoint, Dtype::f32);
  dense.blocks.resize(1);
  treated.blocks.resize(1);
  make_method(ConfigNode::parse(yaml, "golden.yaml"))->compress(treated, calibration);
  std::map<std::string, double> errors;
  calibration.sweep(dense, {.gram = true}, [&](const Layer& layer, const Inputs& x) {
    DoubleMatrix difference(treated.blocks[0].slot(layer.linear).op->to_dense().view());
    const DoubleMatrix w(layer.weight().view());
    for (size_t i = 0; i < w.values().size(); ++i) difference.values()[i] -= w.values()[i];
    errors[(layer.linear >= Linear::gate ? "mlp." : "self_attn.") + linear_name(layer.linear)] =
        0.5 * output_energy(difference, hessian(x));
    return make_dense(layer.weight().view(), layer.dtype);
  });
  return errors;
}

}  // namespace

TEST_CASE("output errors of block 0 are the originals' within 1 %", "[golden][methods][obs]") {
  const auto path = model_and_data();
  if (!path) return;
  const auto tokenizer = open_tokenizer(*path);
  const auto checkpoint = open_checkpoint(*path);
  const auto backend = make_cpu_backend({});
  const Calibration calibration(golden_calibration(*tokenizer), *backend);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"magnitude50", "{method: magnitude, sparsity: 0.5}"},
      {"wanda50", "{method: wanda, sparsity: 0.5}"},
      {"sparsegpt50", "{method: sparsegpt, sparsity: 0.5}"},
      {"sparsegpt24", "{method: sparsegpt, pattern: 2:4}"},
      {"rtn4_g64", "{method: rtn, bits: 4, group: 64}"},
      {"rtn3_g64", "{method: rtn, bits: 3, group: 64}"}};
  const Value figures = golden("second_order.json");
  const Value& layers = *figures.find("block0_output_error")->find("layers");
  for (const auto& [name, yaml] : cases)
    for (const auto& [layer, error] : block0_errors(yaml, *checkpoint, calibration)) {
      CAPTURE(name, layer);
      CHECK(error == Approx(layers.find(layer)->find(name)->number()).epsilon(0.01));
    }
}

TEST_CASE("perplexities after second-order methods are the originals' within 5 %", "[golden][methods][obs]") {
  const auto path = model_and_data();
  if (!path) return;
  if (!all_goldens()) return;  // whole models take minutes: ./check --golden
  const auto tokenizer = open_tokenizer(*path);
  const auto checkpoint = open_checkpoint(*path);
  const auto backend = make_cpu_backend({});
  const Calibration calibration(golden_calibration(*tokenizer), *backend);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"sparsegpt_50", "{method: sparsegpt, sparsity: 0.5}"},
      {"rtn4_g128_asym", "{method: rtn, bits: 4, group: 128}"},
      {"rtn4_g64_asym", "{method: rtn, bits: 4, group: 64}"},
      {"rtn8_row_sym_u5", "{method: rtn, bits: 8, group: row, scheme: absmax}"}};
  const Value figures = golden("second_order.json");
  for (const auto& [name, yaml] : cases) {
    CAPTURE(name);
    Model model = load_model(*checkpoint, Dtype::f32);
    make_method(ConfigNode::parse(yaml, "golden.yaml"))->compress(model, calibration);
    const double difference = perplexity_difference(
        model, *backend, *tokenizer,
        figures.find("perplexity")->find("results")->find(name)->find("mean_nll_per_window")->list(), 12);
    std::cerr << name << ": perplexity differs from the original's by " << 100 * difference << " %\n";
    // Rounding to nearest has no choices in which faithful implementations differ.
    CHECK(std::abs(difference) < (name.starts_with("rtn") ? 0.005 : 0.05));
  }
}
