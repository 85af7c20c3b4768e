#include "harness/model/model.h"

#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/ops/format_registry.h"

namespace evalharness {
namespace {

std::vector<float> read_vector(const Checkpoint& checkpoint, const std::string& name) {
  const Matrix m = checkpoint.read(name);
  return {m.values().begin(), m.values().end()};
}

LinearPtr read_dense(const Checkpoint& checkpoint, const std::string& name, Dtype dtype) {
  return make_dense(checkpoint.read(name).view(), dtype);
}

Block read_block(const Checkpoint& checkpoint, size_t index, const WeightMaker& make) {
  const std::string prefix = cat("model.layers.", index, ".");
  Block block;
  block.attention_norm = read_vector(checkpoint, prefix + "input_layernorm.weight");
  block.mlp_norm = read_vector(checkpoint, prefix + "post_attention_layernorm.weight");
  for (const Linear linear : kLinears) {
    const bool mlp = linear >= Linear::gate;
    Slot& slot = block.slot(linear);
    slot.name = cat(prefix, mlp ? "mlp." : "self_attn.", linear_name(linear));
    slot.op = make(checkpoint.read(slot.name + ".weight").view());
    if (checkpoint.has(slot.name + ".bias")) slot.bias = read_vector(checkpoint, slot.name + ".bias");
  }
  return block;
}

void count(const LinearOp& op, WeightTotals& totals) {
  totals.weights += op.out() * op.in();
  totals.nonzeros += op.nonzeros();
  totals.bytes += op.bytes();
}

void count_vector(const std::vector<float>& values, WeightTotals& totals) {
  totals.weights += values.size();
  totals.bytes += values.size() * sizeof(float);
  for (const float value : values) totals.nonzeros += value != 0;
}

}  // namespace

std::string linear_name(Linear linear) {
  static const std::array<std::string, kLinears.size()> names = {
      "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  return names[static_cast<size_t>(linear)];
}

Model load_model(const Checkpoint& checkpoint, Dtype dtype) {
  return load_model(checkpoint, dtype, [dtype](MatrixView w) { return make_dense(w, dtype); });
}

Model load_model(const Checkpoint& checkpoint, Dtype dtype, const WeightMaker& make) {
  Model model;
  model.config = checkpoint.config();
  model.dtype = dtype;
  model.embedding = read_dense(checkpoint, "model.embed_tokens.weight", dtype);
  model.final_norm = read_vector(checkpoint, "model.norm.weight");
  if (!model.config.tied_head) model.separate_head = read_dense(checkpoint, "lm_head.weight", dtype);
  model.blocks.resize(model.config.layers);
  parallel_for(model.blocks.size(), [&](size_t i) { model.blocks[i] = read_block(checkpoint, i, make); });
  return model;
}

void store_head(Model& model, const std::string& name) {
  EH_ASSERT(name == "dense" || name == "int8");
  if (name == "dense") return;
  LinearPtr& head = model.config.tied_head ? model.embedding : model.separate_head;
  const std::string format = cat("int8.g32.sym.", dtype_name(model.dtype));
  head = nearest_weight(format, head->to_dense().view());
}

WeightTotals linear_totals(const Model& model) {
  WeightTotals totals;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) count(*slot.op, totals);
  return totals;
}

WeightTotals model_totals(const Model& model) {
  WeightTotals totals = linear_totals(model);
  count(*model.embedding, totals);
  if (model.separate_head) count(*model.separate_head, totals);
  count_vector(model.final_norm, totals);
  for (const Block& block : model.blocks) {
    count_vector(block.attention_norm, totals);
    count_vector(block.mlp_norm, totals);
    for (const Slot& slot : block.slots) count_vector(slot.bias, totals);
  }
  return totals;
}

}  // namespace evalharness
