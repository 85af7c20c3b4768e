#include "harness/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "harness/base/integers.h"
#include "harness/base/text.h"

namespace evalharness {

void Batch::add(size_t sequence, size_t past, std::span<const int32_t> ids) {
  segments.push_back({.first = tokens.size(), .count = ids.size(), .sequence = sequence});
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  for (size_t i = 0; i < ids.size(); ++i) positions.push_back(static_cast<int32_t>(past + i));
}

void Batch::add_behind(size_t sequence, size_t taken_from, size_t shared, std::span<const int32_t> ids) {
  add(sequence, shared, ids);
  segments.back().taken_from = taken_from;
  segments.back().shared = shared;
}

AttentionShape attention_shape(const ModelConfig& config) {
  return {.heads = config.heads, .kv_heads = config.kv_heads, .head_dim = config.head_dim};
}

namespace {

// Tokens that go through an MLP together: from one op to the next their activations stay in the caches. Slices are of equal length, in
// whole multiples, so that none has so few tokens that other kernels would take it.
constexpr size_t kSliceTokens = 512, kSliceMultiple = 32;

enum InputGroup : size_t { kQkv, kOutput, kGateUp, kDown };  // places in kInputGroups

// llama3 scaling (Llama 3.1): long wavelengths are divided by `factor`, short ones kept, smooth between.
float scaled_frequency(float frequency, const RopeConfig& rope) {
  if (rope.scaling == "linear") return frequency / static_cast<float>(rope.factor);
  if (rope.scaling != "llama3") return frequency;
  const double context = static_cast<double>(rope.original_context);
  const double wavelength = 2 * std::numbers::pi / static_cast<double>(frequency);
  if (wavelength < context / rope.high_freq_factor) return frequency;
  if (wavelength > context / rope.low_freq_factor) return frequency / static_cast<float>(rope.factor);
  const double smooth =
      (context / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return static_cast<float>((1 - smooth) * static_cast<double>(frequency) / rope.factor +
                            smooth * static_cast<double>(frequency));
}

}  // namespace

RopeTable make_rope_table(const ModelConfig& config, size_t positions) {
  const size_t dims = config.rope.dims == 0 ? config.head_dim : config.rope.dims;
  const size_t pairs = dims / 2;
  RopeTable table{Matrix(positions, pairs), Matrix(positions, pairs)};
  for (size_t j = 0; j < pairs; ++j) {
    const double exponent = static_cast<double>(2 * j) / static_cast<double>(dims);
    float frequency =
        scaled_frequency(static_cast<float>(1.0 / std::pow(config.rope.theta, exponent)), config.rope);
    if (config.rope.scaling == "factors") frequency /= config.rope.frequency_factors[j];
    for (size_t p = 0; p < positions; ++p) {
      const float angle = static_cast<float>(p) * frequency;  // rounded to float32 as the original does
      table.cosines(p, j) = static_cast<float>(std::cos(static_cast<double>(angle)));
      table.sines(p, j) = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  return table;
}

Activations Activations::first(size_t tokens) const {
  const auto cut = [&](MutableMatrixView view) { return view.rows_from(0, tokens); };
  return {cut(hidden), cut(normed), cut(qkv), cut(attended), cut(gate_up), cut(delta), cut(q), cut(k), cut(v), cut(gate), cut(up)};
}

void Workspace::reserve(size_t tokens, const ModelConfig& config) {
  const size_t q_dim = config.heads * config.head_dim, kv_dim = config.kv_heads * config.head_dim;
  const size_t widths[] = {config.hidden, config.hidden, q_dim + 2 * kv_dim, q_dim, 2 * config.intermediate, config.hidden};
  constexpr bool kMade[] = {false, false, true, false, true, true};  // by products
  MutableMatrixView* const views[] = {&hidden, &normed, &qkv, &attended, &gate_up, &delta};
  size_t strides[std::size(widths)], sum = 0;
  for (size_t i = 0; i < std::size(widths); ++i) {
    strides[i] = kMade[i] ? apart<float>(widths[i]) : widths[i];
    sum += strides[i] * tokens;
  }
  if (memory_.size() < sum) memory_ = AlignedVector<float>(sum);
  float* next = memory_.data();
  for (size_t i = 0; i < std::size(widths); ++i) {
    *views[i] = {next, tokens, widths[i], strides[i]};
    next += tokens * strides[i];
  }
  q = qkv.columns(0, q_dim);
  k = qkv.columns(q_dim, kv_dim);
  v = qkv.columns(q_dim + kv_dim, kv_dim);
  gate = gate_up.columns(0, config.intermediate);
  up = gate_up.columns(config.intermediate, config.intermediate);
}

void embed(const Model& model, std::span<const int32_t> tokens, MutableMatrixView x) {
  model.embedding->rows(tokens, x);
}

BoundBlock::BoundBlock(const Model& model, const Block& block, const Backend& backend)
    : model_(model), block_(block), backend_(backend) {
  for (const Linear linear : kLinears)
    linears_[static_cast<size_t>(linear)] = backend.bind(*block.slot(linear).op);
  for (size_t g = 0; g < kInputGroups.size(); ++g) {
    std::vector<const BoundLinear*> others;
    for (const Linear other : kInputGroups[g].subspan(1)) others.push_back(&linear(other));
    if (!others.empty()) joined_[g] = linear(kInputGroups[g].front()).join(others);
  }
}

size_t BoundBlock::resident_bytes() const {
  size_t sum = 0;
  for (const auto& linear : linears_) sum += linear->resident_bytes();
  return sum;
}

void BoundBlock::announce(size_t group, MatrixView x, const InputObserver& observer) {
  if (!observer) return;
  for (const Linear linear : kInputGroups[group]) observer(linear, x);
}

bool BoundBlock::has_biases(size_t group) const {
  return std::ranges::any_of(kInputGroups[group], [&](Linear linear) { return !block_.slot(linear).bias.empty(); });
}

void BoundBlock::project(size_t group, MatrixView x, MutableMatrixView y) const {
  if (joined_[group]) joined_[group]->forward(x, y);
  size_t column = 0;
  for (const Linear linear : kInputGroups[group]) {
    const BoundLinear& bound = this->linear(linear);
    const MutableMatrixView own = y.columns(column, bound.out());
    if (!joined_[group]) bound.forward(x, own);
    const std::vector<float>& bias = block_.slot(linear).bias;
    if (!bias.empty()) backend_.add_bias(own, bias);
    column += bound.out();
  }
}

void BoundBlock::norm(MatrixView x, const std::vector<float>& weight, MutableMatrixView y) const {
  backend_.rms_norm(x, weight, static_cast<float>(model_.config.norm_epsilon), y);
}

void BoundBlock::forward(MutableMatrixView x, const Batch& batch, const RopeTable& rope, size_t layer,
                         KvCache& cache, const Activations& w, const InputObserver& observer) const {
  add_attention(x, batch, rope, layer, cache, w, observer);
  add_mlp(x, w, observer);
}

void BoundBlock::add_attention(MutableMatrixView x, const Batch& batch, const RopeTable& rope, size_t layer,
                               KvCache& cache, const Activations& w, const InputObserver& observer) const {
  norm(x, block_.attention_norm, w.normed);
  attention(w.normed, batch, rope, layer, cache, w, observer);
  backend_.add(x, w.delta);
}

void BoundBlock::add_mlp(MutableMatrixView x, const Activations& w, const InputObserver& observer) const {
  // Who observes sees all tokens at once.
  const size_t slices = observer ? 1 : std::max<size_t>(1, ceil_div(x.rows, kSliceTokens));
  const size_t tokens = round_up(ceil_div(x.rows, slices), kSliceMultiple);
  for (size_t begin = 0; begin < x.rows; begin += tokens) {
    const MutableMatrixView part = x.rows_from(begin, std::min(tokens, x.rows - begin));
    const Activations own = w.first(part.rows);
    norm(part, block_.mlp_norm, own.normed);
    mlp(own.normed, own, observer);
    backend_.add(part, own.delta);
  }
}

void BoundBlock::observe_attention(MatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
                                   const Activations& w, const InputObserver& observer, Linear last) const {
  norm(x, block_.attention_norm, w.normed);
  if (last < Linear::o) {
    for (const Linear linear : {Linear::q, Linear::k, Linear::v}) observer(linear, w.normed);
    return;
  }
  attend(w.normed, batch, rope, layer, cache, w, observer);
  observer(Linear::o, w.attended);
}

void BoundBlock::observe_mlp(MatrixView x, const Activations& w, const InputObserver& observer, Linear last) const {
  norm(x, block_.mlp_norm, w.normed);
  if (last < Linear::down) {
    for (const Linear linear : {Linear::gate, Linear::up}) observer(linear, w.normed);
    return;
  }
  gate(w.normed, w, observer);
  observer(Linear::down, w.gate);
}

void BoundBlock::attention(MatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
                           const Activations& w, const InputObserver& observer) const {
  attend(x, batch, rope, layer, cache, w, observer);
  announce(kOutput, w.attended, observer);
  project(kOutput, w.attended, w.delta);
}

void BoundBlock::mlp(MatrixView x, const Activations& w, const InputObserver& observer) const {
  gate(x, w, observer);
  announce(kDown, w.gate, observer);
  project(kDown, w.gate, w.delta);
}

void BoundBlock::attend(MatrixView x, const Batch& batch, const RopeTable& rope, size_t layer, KvCache& cache,
                        const Activations& w, const InputObserver& observer) const {
  const ModelConfig& config = model_.config;
  announce(kQkv, x, observer);
  project(kQkv, x, w.qkv);
  backend_.rope(w.q, batch.positions, rope, config.head_dim);
  backend_.rope(w.k, batch.positions, rope, config.head_dim);
  backend_.attention(w.q, w.k, w.v, batch.segments, attention_shape(config), layer, cache, w.attended);
}

void BoundBlock::gate(MatrixView x, const Activations& w, const InputObserver& observer) const {
  announce(kGateUp, x, observer);
  if (joined_[kGateUp] && !has_biases(kGateUp) && joined_[kGateUp]->forward_gated(x, w.gate)) return;
  project(kGateUp, x, w.gate_up);
  backend_.silu_gate(w.gate, w.up);
}

Transformer::Transformer(const Model& model, const Backend& backend, std::optional<Dtype> cache_dtype)
    : model_(model), backend_(backend), cache_dtype_(cache_dtype.value_or(model.dtype)), workspace_(std::make_unique<Workspace>()) {
  for (const Block& block : model.blocks)
    blocks_.push_back(std::make_unique<BoundBlock>(model, block, backend));
  head_ = backend.bind(model.head());
}

Transformer::~Transformer() = default;

std::unique_ptr<KvCache> Transformer::make_cache(std::span<const size_t> capacities, bool all_layers) const {
  const size_t layers = all_layers ? model_.config.layers : 1;
  return backend_.make_cache(attention_shape(model_.config), layers, capacities, cache_dtype_);
}

MatrixView Transformer::forward(const Batch& batch, KvCache& cache) {
  const size_t tokens = batch.tokens.size();
  const size_t longest = 1 + static_cast<size_t>(*std::max_element(batch.positions.begin(), batch.positions.end()));
  if (rope_.cosines.rows() < longest) {
    rope_ = make_rope_table(model_.config, std::max(longest, std::min<size_t>(model_.config.context, 4096)));
  }
  Workspace& w = *workspace_;
  w.reserve(tokens, model_.config);
  embed(model_, batch.tokens, w.hidden);
  for (const Segment& s : batch.segments)
    if (s.taken_from != kNoParent) cache.set_length(s.sequence, s.shared);
  for (size_t i = 0; i < blocks_.size(); ++i) blocks_[i]->forward(w.hidden, batch, rope_, i, cache, w);
  for (const Segment& s : batch.segments) cache.set_length(s.sequence, cache.length(s.sequence) + s.count);
  backend_.rms_norm(w.hidden, model_.final_norm, static_cast<float>(model_.config.norm_epsilon), w.normed);
  return w.normed;
}

std::vector<TokenScore> Transformer::head(MatrixView hidden, std::span<const int32_t> targets) const {
  std::vector<TokenScore> scores(hidden.rows);
  backend_.head(hidden, *head_, targets, scores);
  return scores;
}

Matrix Transformer::logits(MatrixView hidden) const {
  Matrix logits(hidden.rows, head_->out());
  head_->forward(hidden, logits.view());
  return logits;
}

size_t Transformer::resident_bytes() const {
  size_t sum = model_.config.tied_head ? 0 : model_.embedding->bytes();
  sum += head_->resident_bytes() + model_.final_norm.size() * sizeof(float);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = model_.blocks[i];
    sum += blocks_[i]->resident_bytes();
    sum += (block.attention_norm.size() + block.mlp_norm.size()) * sizeof(float);
    for (const Slot& slot : block.slots) sum += slot.bias.size() * sizeof(float);
  }
  return sum;
}

std::map<std::string, std::string> Transformer::kernels() const {
  std::map<std::string, std::string> names;
  const auto add = [&](const LinearOp& op, const BoundLinear& bound) {
    names[op.format() + " few tokens"] = bound.kernel(1);
    names[op.format() + " many tokens"] = bound.kernel(512);
  };
  for (size_t i = 0; i < blocks_.size(); ++i)
    for (const Linear linear : kLinears)
      add(*model_.blocks[i].slot(linear).op, blocks_[i]->linear(linear));
  add(model_.head(), *head_);
  return names;
}

}  // namespace evalharness
