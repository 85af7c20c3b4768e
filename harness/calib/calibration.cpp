#include "harness/calib/calibration.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/model/transformer.h"
#include "harness/ops/tree.h"

namespace evalharness {
namespace {

constexpr size_t kChunkTokens = 2048;  // of one forward

// Layers with one and the same input: it is looked at once, at the first of them.
using Group = std::span<const Linear>;
using Groups = std::span<const Group>;
constexpr Group kAll(kLinears);
constexpr std::array<Group, 4> kGroups = {kAll.subspan(0, 3), kAll.subspan(3, 1), kAll.subspan(4, 2), kAll.subspan(6, 1)};
static_assert(kGroups[0].back() == Linear::v && kGroups[1].front() == Linear::o && kGroups[3].front() == Linear::down);

// Relative squared error of the layer's outputs on some of its inputs.
double error_on(const Backend& backend, MatrixView x, const LinearOp& before, const LinearOp& after) {
  Matrix y(x.rows, before.out()), z(x.rows, before.out());
  backend.bind(before)->forward(x, y.view());
  backend.bind(after)->forward(x, z.view());
  double error = 0, total = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double a = static_cast<double>(y.values()[i]), b = static_cast<double>(z.values()[i]);
    error += (a - b) * (a - b);
    total += a * a;
  }
  return total > 0 ? error / total : 0;
}

// The same on all of them: trace((W - Q) H (W - Q)^T) / trace(W H W^T).
double error_by_gram(const DoubleMatrix& gram, const LinearOp& before, const LinearOp& after) {
  const DoubleMatrix w(before.to_dense().view());
  DoubleMatrix difference(after.to_dense().view());
  for (size_t i = 0; i < w.values().size(); ++i) difference.values()[i] -= w.values()[i];
  const double total = output_energy(w, gram);
  return total > 0 ? output_energy(difference, gram) / total : 0;
}

double output_error(const Backend& backend, const Inputs& x, const LinearOp& before, const LinearOp& after) {
  // A tree may round its inputs, which no matrix says.
  const bool is_matrix = before.children().empty() && after.children().empty();
  if (is_matrix && x.gram().rows() > 0) return error_by_gram(x.gram(), before, after);
  return error_on(backend, x.some().view(), before, after);
}

LayerReport report_of(const Slot& slot) {
  LayerReport report;
  const double weights = static_cast<double>(slot.op->out() * slot.op->in());
  report.name = slot.name;
  report.format = slot.op->format();
  report.bits_per_weight = 8.0 * static_cast<double>(slot.op->bytes()) / weights;
  report.sparsity = 1.0 - static_cast<double>(slot.op->nonzeros()) / weights;
  return report;
}

// The activations between two blocks of all samples, and how to run a block over them.
class Walk {
 public:
  Walk(const CalibrationSet& set, const Model& model, const Backend& backend)
      : set_(set), model_(model), backend_(backend), length_(set.samples.front().size()),
        rope_(make_rope_table(model.config, length_)), x_(set.tokens(), model.config.hidden) {
    for (size_t i = 0; i < set.samples.size(); ++i)
      embed(model, set.samples[i], x_.view().rows_from(i * length_, length_));
  }

  // Runs the block on every sample. With `keep` its outputs take the place of its inputs.
  void run(const Block& block, bool keep, const InputObserver& observer) {
    const BoundBlock bound(model_, block, backend_);
    const size_t together = std::max<size_t>(1, kChunkTokens / length_);
    for (size_t first = 0; first < set_.samples.size(); first += together) {
      const size_t count = std::min(together, set_.samples.size() - first);
      Batch batch;
      for (size_t s = 0; s < count; ++s) batch.add(s, 0, set_.samples[first + s]);
      const std::vector<size_t> capacities(count, length_);
      const auto cache = backend_.make_cache(attention_shape(model_.config), 1, capacities, model_.dtype);
      const MutableMatrixView x = x_.view().rows_from(first * length_, count * length_);
      workspace_.reserve(x.rows, model_.config);
      const MutableMatrixView y = keep ? x : workspace_.hidden;
      if (!keep)
        for (size_t i = 0; i < x.rows; ++i) std::ranges::copy(x.row(i), y.row(i).begin());
      bound.forward(y, batch, rope_, 0, *cache, workspace_, observer);
    }
  }

 private:
  const CalibrationSet& set_;
  const Model& model_;
  const Backend& backend_;
  size_t length_;
  RopeTable rope_;
  Matrix x_;  // [samples * length, hidden]
  Workspace workspace_;
};

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
  Observer(const Block& block, Group group, const Inputs& empty, const Backend& backend)
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

  GroupInputs finish() {
    bool finite = seen_.shared.finish();
    for (auto& [linear, leaves] : seen_.of_leaves)
      for (Inputs& inputs : leaves) finite = inputs.finish() && finite;
    if (!finite) fail(cat("calibration: the inputs of ", block_.slot(group_.front()).name, " are not finite"));
    return std::move(seen_);
  }

 private:
  const Block& block_;
  Group group_;
  const Inputs& empty_;
  Multiply multiply_;
  bool any_leaf_ = false;
  GroupInputs seen_;
};

// Inputs of some groups of the block as it is, and whether the walk goes on behind it.
std::vector<GroupInputs> see_groups(Walk& walk, const Block& block, Groups groups, const Inputs& empty,
                                    const Backend& backend, bool keep) {
  std::vector<Observer> observers;
  for (const Group group : groups) observers.emplace_back(block, group, empty, backend);
  walk.run(block, keep, [&](Linear linear, MatrixView x) {
    for (Observer& observer : observers) observer.see(linear, x);
  });
  std::vector<GroupInputs> seen;
  for (Observer& observer : observers) seen.push_back(observer.finish());
  return seen;
}

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
  std::unique_ptr<Walk> walk;
  if (needs.any()) walk = std::make_unique<Walk>(set_, model, backend_);
  const Inputs empty(needs, set_.samples.size());
  std::vector<LayerReport> reports;
  const auto treat = [&](size_t b, Group group, const GroupInputs& inputs) {
    for (const Linear linear : group) {
      Slot& slot = model.blocks[b].slot(linear);
      size_t leaf = 0;
      LinearPtr op = replace_leaves(*slot.op, [&](const LinearOp& old) {
        return compress({slot, old, b, linear, model.dtype}, inputs.of(linear, leaf++));
      });
      std::optional<double> error;
      if (op) {
        if (walk) error = output_error(backend_, inputs.shared, *slot.op, *op);
        slot.op = std::move(op);
      }
      reports.push_back(report_of(slot));
      reports.back().output_error = error;
    }
  };
  const size_t together = needs.true_sequential ? 1 : kGroups.size();
  Progress progress("compressing", model.blocks.size());
  for (size_t b = 0; b < model.blocks.size(); ++b) {
    for (size_t g = 0; g < kGroups.size(); g += together) {
      stop_if_interrupted();
      const Groups groups = Groups(kGroups).subspan(g, together);
      const std::vector<GroupInputs> seen =
          walk ? see_groups(*walk, model.blocks[b], groups, empty, backend_, needs.uncompressed_inputs) : std::vector<GroupInputs>(together);
      for (size_t i = 0; i < together; ++i) treat(b, groups[i], seen[i]);
    }
    if (walk && !needs.uncompressed_inputs && b + 1 < model.blocks.size()) walk->run(model.blocks[b], true, nullptr);
    progress.advance();
  }
  return reports;
}

void Calibration::observe(Model& model, Needs needs, const std::function<void(const Layer&, const Inputs&)>& see) const {
  sweep(model, needs, [&](const Layer& layer, const Inputs& inputs) {
    see(layer, inputs);
    return LinearPtr();
  });
}

}  // namespace evalharness
