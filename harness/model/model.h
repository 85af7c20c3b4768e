// A decoder-only transformer as data: a method changes a model by putting another op into a slot.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/model/checkpoint.h"
#include "harness/model/model_config.h"
#include "harness/ops/linear_op.h"

namespace evalharness {

// A place that holds one weight.
struct Slot {
  std::string name;          // "model.layers.0.self_attn.q_proj"
  LinearPtr op;              // [out, in]
  std::vector<float> bias;   // [out], or empty
};

enum class Linear { q, k, v, o, gate, up, down };
inline constexpr std::array kLinears = {Linear::q,  Linear::k,    Linear::v, Linear::o,
                                        Linear::gate, Linear::up, Linear::down};
std::string linear_name(Linear linear);  // "q_proj"
std::string slot_name(size_t block, Linear linear);  // "model.layers.0.self_attn.q_proj"

// Layers with one and the same input.
using LinearGroup = std::span<const Linear>;
inline constexpr std::array kInputGroups = {LinearGroup(kLinears).first(3), LinearGroup(kLinears).subspan(3, 1),
                                            LinearGroup(kLinears).subspan(4, 2), LinearGroup(kLinears).last(1)};
static_assert(kInputGroups[0].back() == Linear::v && kInputGroups[1].front() == Linear::o && kInputGroups[2].back() == Linear::up);

struct Block {
  std::vector<float> attention_norm, mlp_norm;  // [hidden]
  std::array<Slot, kLinears.size()> slots;
  Slot& slot(Linear linear) { return slots[static_cast<size_t>(linear)]; }
  const Slot& slot(Linear linear) const { return slots[static_cast<size_t>(linear)]; }
};

struct Model {
  ModelConfig config;
  Dtype dtype = Dtype::f32;  // of dense weights
  LinearPtr embedding;       // [vocab, hidden]; the head too where config.tied_head
  std::vector<Block> blocks;
  std::vector<float> final_norm;
  LinearPtr separate_head;   // null where tied

  const LinearOp& head() const { return config.tied_head ? *embedding : *separate_head; }
};

// How a matrix of the checkpoint becomes a weight.
using WeightMaker = std::function<LinearPtr(MatrixView w)>;

// Every weight of the checkpoint, dense in `dtype`, or as it is stored where the checkpoint is packed
// (which must be of that dtype); norms and biases stay float32.
Model load_model(const Checkpoint& checkpoint, Dtype dtype);
// The same with the blocks' linears made by `make`: no dense copy of the model is ever held.
Model load_model(const Checkpoint& checkpoint, Dtype dtype, const WeightMaker& make);

// How the head is stored, the tied embedding with it: "dense" as it is; "bf16" and "f32" as `from` has it, in that type (x is rounded
// to bfloat16 for the former only); "int8" to the nearest of 8-bit codes with a half-precision scale for each 32 inputs
// (llama.cpp's Q8_0).
inline const std::vector<std::string> kHeadNames = {"dense", "bf16", "f32", "int8"};
void store_head(Model& model, const std::string& name, const Checkpoint& from);

// All that a model holds, under the checkpoint's names, in a fixed order: weights, and vectors (norms,
// biases).
void visit_weights(const Model& model,
                   const std::function<void(const std::string& name, const LinearOp& op)>& on_weight,
                   const std::function<void(const std::string& name, std::span<const float> values)>& on_vector);

// Sums over stored weights; `linears`: of the blocks' slots only, else embedding, head, norms and biases too.
struct WeightTotals {
  size_t weights = 0;            // of the matrices
  size_t stored = 0, zeros = 0;  // what they are made of: two factors have fewer weights than their product
  size_t bytes = 0;
  double bits_per_weight() const { return 8.0 * static_cast<double>(bytes) / static_cast<double>(weights); }
  double sparsity() const { return static_cast<double>(zeros) / static_cast<double>(stored); }
};
WeightTotals totals_of(const LinearOp& op);
WeightTotals linear_totals(const Model& model);
WeightTotals model_totals(const Model& model);

}  // namespace evalharness
