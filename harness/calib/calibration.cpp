#include "harness/calib/calibration.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/interrupt.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/calib/walk.h"
#include "harness/ops/tree.h"

namespace evalharness {
namespace {

// What layers of a group read is looked at once, at the first of them.
using Groups = std::span<const LinearGroup>;
constexpr size_t kErrorTokens = 512;

// A matrix as it was and as a step left it.
struct Change {
  Matrix before, after;
};

Change change_of(const LinearOp& before, const LinearOp& after) { return {before.to_dense(), after.to_dense()}; }

// Of matrices, one after the other.
class SquaredError {
 public:
  void add(const Change& change) {
    any_ = true;
    for (size_t i = 0; i < change.before.size(); ++i) {
      const double a = static_cast<double>(change.before.values()[i]), b = static_cast<double>(change.after.values()[i]);
      error_ += (a - b) * (a - b);
      total_ += a * a;
    }
  }
  // sum of ||before - after||^2 / sum of ||before||^2, 0 where that is; nothing where nothing was added.
  std::optional<double> relative() const {
    if (!any_) return {};
    return total_ > 0 ? error_ / total_ : 0;
  }

 private:
  bool any_ = false;
  double error_ = 0, total_ = 0;
};

// Relative squared error of the layer's outputs on some of its inputs.
double error_on(const Backend& backend, MatrixView x, const LinearOp& before, const LinearOp& after) {
  Change outputs = {Matrix(x.rows, before.out()), Matrix(x.rows, before.out())};
  backend.bind(before)->forward(x, outputs.before.view());
  backend.bind(after)->forward(x, outputs.after.view());
  SquaredError error;
  error.add(outputs);
  return *error.relative();
}

// The same on all of them: trace((W - Q) H (W - Q)^T) / trace(W H W^T).
double error_by_gram(const DoubleMatrix& gram, const Change& weight) {
  const DoubleMatrix w(weight.before.view());
  DoubleMatrix difference(weight.after.view());
  for (size_t i = 0; i < w.values().size(); ++i) difference.values()[i] -= w.values()[i];
  const double total = output_energy(w, gram);
  return total > 0 ? output_energy(difference, gram) / total : 0;
}

// `last`: of the layer's last leaf.
double output_error(const Backend& backend, const Inputs& x, const LinearOp& before, const LinearOp& after, const Change& last) {
  // A tree may round its inputs, which no matrix says.
  const bool is_matrix = before.children().empty() && after.children().empty();
  if (is_matrix && x.gram().rows() > 0) return error_by_gram(x.gram(), last);
  const MatrixView some = x.some().view();
  return error_on(backend, some.rows_from(0, std::min(some.rows, kErrorTokens)), before, after);
}

LayerReport report_of(const Slot& slot) {
  const WeightTotals totals = totals_of(*slot.op);
  LayerReport report;
  report.name = slot.name;
  report.format = slot.op->format();
  report.bits_per_weight = totals.bits_per_weight();
  report.sparsity = totals.sparsity();
  return report;
}

Samples samples_for(const CalibrationSet& set, const Needs& needs) {
  const Samples all = set.samples;
  if (!needs.only_some) return all;
  return all.first(std::min(all.size(), ceil_div(needs.some_tokens, all.front().size())));
}

bool is_leaf(const Slot& slot) { return slot.op->children().empty(); }

Multiply multiply_on(const Backend& backend) {
  return [&backend](const LinearOp& op, MatrixView x) {
    Matrix y(x.rows, op.out());
    backend.bind(op)->forward(x, y.view());
    return y;
  };
}

// What is seen of a group: the input that its layers share, and that of each leaf of those that are trees.
struct GroupInputs {
  Inputs shared;
  std::map<Linear, std::vector<Inputs>> of_leaves;

  // What the method gets for the next leaf of a layer.
  const Inputs& of(Linear linear, size_t leaf) const {
    const auto found = of_leaves.find(linear);
    return found == of_leaves.end() ? shared : found->second[leaf];
  }
};

class Observer {
 public:
  // Trees are looked into; where a group has nothing else, of their shared input only the first tokens are kept.
  Observer(const Block& block, LinearGroup group, const Inputs& empty, const Backend& backend)
      : block_(block), group_(group), empty_(empty), multiply_(multiply_on(backend)) {
    for (const Linear linear : group) any_leaf_ = any_leaf_ || is_leaf(block.slot(linear));
    seen_.shared = any_leaf_ ? empty : Inputs({}, empty.samples());
  }

  void see(Linear linear, MatrixView x) {
    if (linear == group_.front()) seen_.shared.add(x);
    if (std::ranges::find(group_, linear) == group_.end() || is_leaf(block_.slot(linear))) return;
    std::vector<Inputs>& leaves = seen_.of_leaves[linear];
    size_t next = 0;
    each_leaf_input(*block_.slot(linear).op, x, multiply_, [&](MatrixView input) {
      if (next == leaves.size()) leaves.push_back(empty_);
      leaves[next++].add(input);
    });
  }

  // `length`: tokens of a sample.
  GroupInputs finish(size_t length) {
    finish(seen_.shared, group_.front(), length);
    for (auto& [linear, leaves] : seen_.of_leaves)
      for (Inputs& inputs : leaves) finish(inputs, linear, length);
    return std::move(seen_);
  }

 private:
  void finish(Inputs& inputs, Linear linear, size_t length) const {
    inputs.finish();
    if (const std::optional<size_t> token = inputs.broken_token())
      fail(cat("calibration: the inputs of ", block_.slot(linear).name, " are not finite, first in sample ", *token / length,
               " at token ", *token % length));
  }

  const Block& block_;
  LinearGroup group_;
  const Inputs& empty_;
  Multiply multiply_;
  bool any_leaf_ = false;
  GroupInputs seen_;
};

// One walk over the blocks with what a method makes of their layers.
class Sweep {
 public:
  Sweep(Model& model, const Needs& needs, const Compressor& compress, Samples samples, const Backend& backend)
      : model_(model), needs_(needs), compress_(compress), backend_(backend), empty_(needs, samples.size()) {
    if (needs.any()) walk_ = std::make_unique<Walk>(samples, model, backend);
  }

  std::vector<LayerReport> all() {
    Progress progress("compressing", model_.blocks.size());
    for (size_t b = 0; b < model_.blocks.size(); ++b) {
      needs_.true_sequential && walk_ ? by_groups(b) : at_once(b);
      progress.advance();
    }
    return std::move(reports_);
  }
  // Of runs of the whole model over so many tokens.
  double passes(size_t tokens) const { return walk_ ? walk_->passes(tokens) : 0; }

 private:
  bool goes_on_behind(size_t b) const { return b + 1 < model_.blocks.size(); }

  void at_once(size_t b) {
    const Block& block = model_.blocks[b];
    step(b, kInputGroups, [&](const InputObserver& see) {
      needs_.uncompressed_inputs ? walk_->advance(block, see) : walk_->observe(block, see);
    });
    if (walk_ && !needs_.uncompressed_inputs && goes_on_behind(b)) walk_->advance(block, nullptr);
  }

  void by_groups(size_t b) {
    const Block& block = model_.blocks[b];
    for (size_t g = 0; g < kInputGroups.size(); ++g) {
      const Linear last = kInputGroups[g].back();
      step(b, Groups(kInputGroups).subspan(g, 1), [&](const InputObserver& see) {
        last <= Linear::o ? walk_->observe_attention(block, see, last) : walk_->observe_mlp(block, see, last);
      });
      if (last == Linear::o) walk_->advance_attention(block);
    }
    if (goes_on_behind(b)) walk_->advance_mlp(block);
  }

  // Sees the inputs of some groups in one run, then treats their layers.
  void step(size_t b, Groups groups, const std::function<void(const InputObserver&)>& run) {
    stop_if_interrupted();
    std::vector<GroupInputs> seen(groups.size());
    if (walk_) seen = see_groups(model_.blocks[b], groups, run);
    for (size_t i = 0; i < groups.size(); ++i) treat(b, groups[i], seen[i]);
  }

  std::vector<GroupInputs> see_groups(const Block& block, Groups groups, const std::function<void(const InputObserver&)>& run) {
    std::vector<Observer> observers;
    for (const LinearGroup group : groups) observers.emplace_back(block, group, empty_, backend_);
    run([&](Linear linear, MatrixView x) {
      for (Observer& observer : observers) observer.see(linear, x);
    });
    std::vector<GroupInputs> seen;
    for (Observer& observer : observers) seen.push_back(observer.finish(walk_->length()));
    return seen;
  }

  void treat(size_t b, LinearGroup group, const GroupInputs& inputs) {
    const Inputs* before = nullptr;  // of the layer before
    for (const Linear linear : group) {
      Slot& slot = model_.blocks[b].slot(linear);
      size_t leaf = 0;
      Change change;
      SquaredError of_weights;
      LinearPtr op = replace_leaves(*slot.op, [&](const LinearOp& old) {
        const Inputs& x = inputs.of(linear, leaf++);
        LinearPtr compressed = compress_({slot, old, b, linear, model_.dtype, std::exchange(before, &x) == &x}, x);
        if (compressed) of_weights.add(change = change_of(old, *compressed));
        return compressed;
      });
      std::optional<double> of_outputs;
      if (op) {
        if (walk_) of_outputs = output_error(backend_, inputs.shared, *slot.op, *op, change);
        slot.op = std::move(op);
      }
      reports_.push_back(report_of(slot));
      reports_.back().weight_error = of_weights.relative();
      reports_.back().output_error = of_outputs;
    }
  }

  Model& model_;
  const Needs& needs_;
  const Compressor& compress_;
  const Backend& backend_;
  Inputs empty_;
  std::unique_ptr<Walk> walk_;
  std::vector<LayerReport> reports_;
};

}  // namespace

Matrix Calibration::original(const std::string& slot_name) const {
  if (!originals_) fail(cat("calibration: the original weights of ", slot_name, " are not at hand"));
  return originals_(slot_name);
}

void Calibration::require_text() const {
  if (set_.samples.empty()) fail("calibration: this method needs calibration text and there is none");
}

std::vector<LayerReport> Calibration::sweep(Model& model, Needs needs, const Compressor& compress) const {
  if (needs.any()) require_text();
  EH_ASSERT(!(needs.uncompressed_inputs && needs.true_sequential));
  Sweep sweep(model, needs, compress, samples_for(set_, needs), backend_);
  std::vector<LayerReport> reports = sweep.all();
  passes_ += sweep.passes(set_.tokens());
  return reports;
}

void Calibration::observe(Model& model, Needs needs, const std::function<void(const Layer&, const Inputs&)>& see) const {
  sweep(model, needs, [&](const Layer& layer, const Inputs& inputs) {
    see(layer, inputs);
    return LinearPtr();
  });
}

}  // namespace evalharness
