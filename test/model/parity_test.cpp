// A whole model in every weight format beside the same model with each stored weight as dense values: what packed kernels make of
// the codes, for few tokens and for many, must be what the values make.
#include <catch2/catch.hpp>

#include <cmath>

#include "harness/backend/backend.h"
#include "harness/base/error.h"
#include "harness/model/transformer.h"
#include "harness/ops/dense.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tree.h"
#include "test/support/isas.h"
#include "test/support/larger.h"
#include "test/support/tiny_model.h"
#include "test/support/weight_cases.h"

using namespace evalharness;

namespace {

constexpr size_t kHidden = 64;

// Layers that keep the size of what they read, and logits of about 1, as of a real model: differences of log-probabilities mean
// what they do there.
Model quiet_model(Dtype dtype) {
  Model model = tiny_model(3, dtype, kHidden);
  model.embedding = make_dense(random_matrix(model.config.vocab, kHidden, 3, 0.125).view(), dtype);
  for (Block& block : model.blocks)
    for (Slot& slot : block.slots) {
      Matrix w = slot.op->to_dense();
      for (float& value : w.values()) value *= 0.4f;  // of 0.3
      slot.op = make_dense(w.view(), dtype);
    }
  return model;
}

// Every weight that the format can hold in that format; false where it holds none.
bool put(const std::string& format, Model& model) {
  size_t weights = 0;
  for (Block& block : model.blocks)
    for (Slot& slot : block.slots) {
      try {
        slot.op = nearest_weight(format, slot.op->to_dense().view());
        ++weights;
      } catch (const Error&) {
      }
    }
  return weights > 0;
}

// The same tree over the leaves' values.
Model dense_twin(const Model& model) {
  Model twin = quiet_model(model.dtype);
  for (size_t b = 0; b < model.blocks.size(); ++b)
    for (const Linear linear : kLinears)
      twin.blocks[b].slot(linear).op = replace_leaves(*model.blocks[b].slot(linear).op, [&](const LinearOp& leaf) {
        return make_dense(leaf.to_dense().view(), model.dtype);
      });
  return twin;
}

std::vector<double> log_probs(const Model& model, const Backend& backend, size_t tokens) {
  Transformer runner(model, backend, Dtype::f32);
  std::vector<int32_t> ids, targets;
  for (size_t i = 0; i < tokens; ++i) {
    ids.push_back(static_cast<int32_t>(i * 37 % model.config.vocab));
    targets.push_back(static_cast<int32_t>((i + 1) * 37 % model.config.vocab));
  }
  const size_t capacity[] = {tokens};
  const auto cache = runner.make_cache(capacity, false);
  Batch batch;
  batch.add(0, 0, ids);
  std::vector<double> found;
  for (const TokenScore& score : runner.head(runner.forward(batch, *cache), targets)) found.push_back(score.log_prob);
  return found;
}

}  // namespace

TEST_CASE("log-probabilities of a model in any format are those of its values", "[model][parity]") {
  for (const std::string& format : test::format_names()) {
    const Dtype dtype = format.find(".f32") != format.npos ? Dtype::f32 : Dtype::bf16;
    Model model = quiet_model(dtype);
    if (!put(format, model)) continue;
    const Model twin = dense_twin(model);
    for (const Isa isa : isas())
      for (const size_t tokens : {1, 5, 80}) {
        CAPTURE(format, isa_name(isa), tokens);
        const auto backend = make_cpu_backend({.isa = isa});
        const std::vector<double> packed = log_probs(model, *backend, tokens), dense = log_probs(twin, *backend, tokens);
        double largest = 0;
        for (size_t i = 0; i < tokens; ++i) largest = test::larger(largest, std::abs(packed[i] - dense[i]));
        // Where inputs are rounded to 8 bits, a difference of a thousandth moves some of them by a whole 127th.
        const double flips = format.starts_with("quantised_input") ? 10 : 1;
        CHECK(largest < flips * (dtype == Dtype::f32 ? 1e-3 : 2e-2));
      }
  }
}
