#include "harness/model/model.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/ops/format_registry.h"
#include "harness/ops/tree.h"

namespace evalharness {
namespace {

constexpr const char* kEmbeddingName = "model.embed_tokens.weight";
constexpr const char* kHeadName = "lm_head.weight";

std::vector<float> read_vector(const Checkpoint& checkpoint, const std::string& name) {
  const Matrix m = checkpoint.read(name);
  return {m.values().begin(), m.values().end()};
}

// How a weight comes out of a checkpoint.
using WeightReader = std::function<LinearPtr(const std::string& name)>;

Block read_block(const Checkpoint& checkpoint, size_t index, const WeightReader& read) {
  const std::string prefix = cat("model.layers.", index, ".");
  Block block;
  block.attention_norm = read_vector(checkpoint, prefix + "input_layernorm.weight");
  block.mlp_norm = read_vector(checkpoint, prefix + "post_attention_layernorm.weight");
  for (const Linear linear : kLinears) {
    Slot& slot = block.slot(linear);
    slot.name = slot_name(index, linear);
    slot.op = read(slot.name + ".weight");
    if (checkpoint.has(slot.name + ".bias")) slot.bias = read_vector(checkpoint, slot.name + ".bias");
  }
  return block;
}

void count(const LinearOp& op, WeightTotals& totals) {
  totals.weights += op.out() * op.in();
  totals.bytes += op.bytes();
  each_leaf(op, [&](const LinearOp& leaf) {
    totals.stored += leaf.out() * leaf.in();
    totals.zeros += leaf.out() * leaf.in() - leaf.nonzeros();
  });
}

// Embedding and head by `ends`, the blocks' linears by `linears`.
Model read_model(const Checkpoint& checkpoint, const WeightReader& ends, const WeightReader& linears) {
  Model model;
  model.config = checkpoint.config();
  model.embedding = ends(kEmbeddingName);
  model.final_norm = read_vector(checkpoint, "model.norm.weight");
  if (!model.config.tied_head) model.separate_head = ends(kHeadName);
  model.blocks.resize(model.config.layers);
  parallel_for(model.blocks.size(), [&](size_t i) { model.blocks[i] = read_block(checkpoint, i, linears); });
  checkpoint.release();  // or the file would count beside the model for as long as it is open
  return model;
}

}  // namespace

std::string linear_name(Linear linear) {
  static const std::array<std::string, kLinears.size()> names = {
      "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  return names[static_cast<size_t>(linear)];
}

std::string slot_name(size_t block, Linear linear) {
  return cat("model.layers.", block, linear >= Linear::gate ? ".mlp." : ".self_attn.", linear_name(linear));
}

Model load_model(const Checkpoint& checkpoint, Dtype dtype) {
  if (checkpoint.dtype().value_or(dtype) != dtype)
    fail(cat(checkpoint.path(), ": saved in dtype ", dtype_name(*checkpoint.dtype()), ", cannot run in ", dtype_name(dtype)));
  const WeightReader read = [&](const std::string& name) {
    LinearPtr stored = checkpoint.stored(name);
    return stored ? std::move(stored) : make_dense(checkpoint.read(name).view(), dtype);
  };
  Model model = read_model(checkpoint, read, read);
  model.dtype = dtype;
  return model;
}

Model load_model(const Checkpoint& checkpoint, Dtype dtype, const WeightMaker& make) {
  Model model = read_model(
      checkpoint, [&](const std::string& name) { return make_dense(checkpoint.read(name).view(), dtype); },
      [&](const std::string& name) { return make(checkpoint.read(name).view()); });
  model.dtype = dtype;
  return model;
}

void store_head(Model& model, const std::string& name, const Checkpoint& from) {
  EH_ASSERT(std::ranges::find(kHeadNames, name) != kHeadNames.end());
  if (name == "dense") return;
  LinearPtr& head = model.config.tied_head ? model.embedding : model.separate_head;
  if (name == "int8") {
    head = nearest_weight(cat("int8.g32.sym.", dtype_name(model.dtype)), head->to_dense().view());
    return;
  }
  head = make_dense(from.read(model.config.tied_head ? kEmbeddingName : kHeadName).view(), dtype_named(name));
  from.release();  // or the pages of the file would count beside the model
}

void visit_weights(const Model& model,
                   const std::function<void(const std::string& name, const LinearOp& op)>& on_weight,
                   const std::function<void(const std::string& name, std::span<const float> values)>& on_vector) {
  on_weight(kEmbeddingName, *model.embedding);
  for (size_t i = 0; i < model.blocks.size(); ++i) {
    const Block& block = model.blocks[i];
    const std::string prefix = cat("model.layers.", i, ".");
    on_vector(prefix + "input_layernorm.weight", block.attention_norm);
    on_vector(prefix + "post_attention_layernorm.weight", block.mlp_norm);
    for (const Slot& slot : block.slots) {
      on_weight(slot.name + ".weight", *slot.op);
      if (!slot.bias.empty()) on_vector(slot.name + ".bias", slot.bias);
    }
  }
  on_vector("model.norm.weight", model.final_norm);
  if (model.separate_head) on_weight(kHeadName, *model.separate_head);
}

WeightTotals totals_of(const LinearOp& op) {
  WeightTotals totals;
  count(op, totals);
  return totals;
}

WeightTotals linear_totals(const Model& model) {
  WeightTotals totals;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) count(*slot.op, totals);
  return totals;
}

WeightTotals model_totals(const Model& model) {
  WeightTotals totals;
  visit_weights(
      model, [&](const std::string&, const LinearOp& op) { count(op, totals); },
      [&](const std::string&, std::span<const float> values) {
        totals.weights += values.size();
        totals.stored += values.size();
        totals.bytes += values.size_bytes();
        for (const float value : values) totals.zeros += value == 0;
      });
  return totals;
}

}  // namespace evalharness
