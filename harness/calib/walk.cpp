#include "harness/calib/walk.h"

#include <algorithm>

#include "harness/base/interrupt.h"

namespace evalharness {
namespace {

constexpr size_t kChunkTokens = 2048;  // of one forward

// What multiplies in a part of a block's run.
using Layers = std::span<const Linear>;
constexpr Layers kAll(kLinears), kAttention = kAll.first(4), kMlp = kAll.subspan(4);
static_assert(kAttention.back() == Linear::o && kMlp.back() == Linear::down);
constexpr Layers all_but_last(Layers layers) { return layers.first(layers.size() - 1); }

double weights_of(const Block& block, Layers layers) {
  double sum = 0;
  for (const Linear linear : layers) sum += static_cast<double>(block.slot(linear).op->out() * block.slot(linear).op->in());
  return sum;
}

}  // namespace

struct Walk::Part {
  const BoundBlock& bound;
  MutableMatrixView x;
  const Batch& batch;
  KvCache& cache;
};

Walk::Walk(Samples samples, const Model& model, const Backend& backend)
    : samples_(samples), model_(model), backend_(backend), length_(samples.front().size()),
      rope_(make_rope_table(model.config, length_)), x_(samples.size() * length_, model.config.hidden) {
  for (size_t i = 0; i < samples.size(); ++i) embed(model, samples[i], x_.view().rows_from(i * length_, length_));
}

void Walk::advance(const Block& block, const InputObserver& observer) {
  run(block, kAll, [&](const Part& p) { p.bound.forward(p.x, p.batch, rope_, 0, p.cache, workspace_, observer); });
}

void Walk::advance_attention(const Block& block) {
  run(block, kAttention, [&](const Part& p) { p.bound.add_attention(p.x, p.batch, rope_, 0, p.cache, workspace_); });
}

void Walk::advance_mlp(const Block& block) {
  run(block, kMlp, [&](const Part& p) { p.bound.add_mlp(p.x, workspace_); });
}

void Walk::observe(const Block& block, const InputObserver& observer) {
  run(block, all_but_last(kAll), [&](const Part& p) {
    const MutableMatrixView x = workspace_.hidden;
    for (size_t i = 0; i < x.rows; ++i) std::ranges::copy(p.x.row(i), x.row(i).begin());
    p.bound.add_attention(x, p.batch, rope_, 0, p.cache, workspace_, observer);
    p.bound.observe_mlp(x, workspace_, observer, Linear::down);
  });
}

void Walk::observe_attention(const Block& block, const InputObserver& observer, Linear last) {
  run(block, last < Linear::o ? Layers() : all_but_last(kAttention), [&](const Part& p) {
    p.bound.observe_attention(p.x, p.batch, rope_, 0, p.cache, workspace_, observer, last);
  });
}

void Walk::observe_mlp(const Block& block, const InputObserver& observer, Linear last) {
  run(block, last < Linear::down ? Layers() : all_but_last(kMlp),
      [&](const Part& p) { p.bound.observe_mlp(p.x, workspace_, observer, last); });
}

double Walk::passes(size_t tokens) const {
  double weights = 0;
  for (const Block& block : model_.blocks) weights += weights_of(block, kAll);
  return products_ / (weights * static_cast<double>(tokens));
}

void Walk::run(const Block& block, std::span<const Linear> multiplied, const std::function<void(const Part&)>& forward) {
  const BoundBlock bound(model_, block, backend_);
  const size_t together = std::max<size_t>(1, kChunkTokens / length_);
  for (size_t first = 0; first < samples_.size(); first += together) {
    stop_if_interrupted();  // a block over a large set takes a minute
    const size_t count = std::min(together, samples_.size() - first);
    Batch batch;
    for (size_t s = 0; s < count; ++s) batch.add(s, 0, samples_[first + s]);
    const std::vector<size_t> capacities(count, length_);
    const auto cache = backend_.make_cache(attention_shape(model_.config), 1, capacities, model_.dtype);
    const MutableMatrixView x = x_.view().rows_from(first * length_, count * length_);
    workspace_.reserve(x.rows, model_.config);
    forward({bound, x, batch, *cache});
  }
  products_ += weights_of(block, multiplied) * static_cast<double>(x_.rows());
}

}  // namespace evalharness
