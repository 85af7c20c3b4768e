// Methods that work on the Gram matrix of a layer's inputs, on the real model: the output error of each layer of block 0
// (the sharp test: it changes with any wrong factor, order or threshold) and perplexities, against the originals'. Float32.
#include <catch2/catch.hpp>

#include <cmath>
#include <iostream>

#include "methods/obs.h"
#include "test/support/golden_chain.h"

using namespace evalharness;

namespace {

// A model of one block: the first of another.
class FirstBlock final : public Checkpoint {
 public:
  explicit FirstBlock(const Checkpoint& whole) : whole_(whole), config_(whole.config()) { config_.layers = 1; }
  const ModelConfig& config() const override { return config_; }
  bool has(const std::string& name) const override { return whole_.has(name); }
  Matrix read(const std::string& name) const override { return whole_.read(name); }
  std::string path() const override { return whole_.path(); }
  size_t file_bytes() const override { return whole_.file_bytes(); }

 private:
  const Checkpoint& whole_;
  ModelConfig config_;
};

// H of each layer of the dense block.
std::vector<DoubleMatrix> dense_hessians(const Checkpoint& checkpoint, const Calibration& calibration) {
  Model model = load_model(checkpoint, Dtype::f32);
  std::vector<DoubleMatrix> hessians;
  calibration.sweep(model, {.gram = true}, [&](const Layer& layer, const Inputs& x) {
    hessians.push_back(hessian(x));
    return make_dense(layer.weight().view(), layer.dtype);
  });
  return hessians;
}

// 1/2 trace((W - Q) H (W - Q)^T).
double layer_error(const LinearOp& before, const LinearOp& after, const DoubleMatrix& h) {
  const DoubleMatrix w(before.to_dense().view());
  DoubleMatrix difference(after.to_dense().view());
  for (size_t i = 0; i < w.values().size(); ++i) difference.values()[i] -= w.values()[i];
  return 0.5 * output_energy(difference, h);
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
      {"rtn3_g64", "{method: rtn, bits: 3, group: 64}"},
      {"gptq4_g64_ref", "{method: gptq, bits: 4, group: 64}"},
      {"gptq4_g64_fresh", "{method: gptq, bits: 4, group: 64, refit: fresh}"},
      {"gptq3_g64_ref", "{method: gptq, bits: 3, group: 64}"}};
  const Value figures = golden("second_order.json");
  const Value& layers = *figures.find("block0_output_error")->find("layers");
  const FirstBlock first(*checkpoint);
  const Model dense = load_model(first, Dtype::f32);
  const std::vector<DoubleMatrix> hessians = dense_hessians(first, calibration);
  for (const auto& [name, yaml] : cases) {
    Model model = load_model(first, Dtype::f32);
    make_method(ConfigNode::parse(yaml, "golden.yaml"))->compress(model, calibration);
    for (const Linear linear : kLinears) {
      const std::string layer = (linear >= Linear::gate ? "mlp." : "self_attn.") + linear_name(linear);
      CAPTURE(name, layer);
      CHECK(layer_error(*dense.blocks[0].slot(linear).op, *model.blocks[0].slot(linear).op,
                        hessians[static_cast<size_t>(linear)]) ==
            Approx(layers.find(layer)->find(name)->number()).epsilon(0.01));
    }
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
      {"rtn8_row_sym_u5", "{method: rtn, bits: 8, group: row, scheme: absmax}"},
      {"gptq4_g64_ref_trueseq", "{method: gptq, bits: 4, group: 64, true_sequential: true}"},
      {"gptq3_g64_ref_trueseq", "{method: gptq, bits: 3, group: 64, true_sequential: true}"},
      {"gptq4_g64_fresh_trueseq", "{method: gptq, bits: 4, group: 64, refit: fresh, true_sequential: true}"},
      {"gptq4_g64_ref_allatonce", "{method: gptq, bits: 4, group: 64}"}};
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
