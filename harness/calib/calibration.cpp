#include "harness/calib/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/parallel.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/model/transformer.h"

namespace evalharness {
namespace {

constexpr size_t kChunkTokens = 2048;  // of one forward
constexpr size_t kColumnChunk = 64;

// sums[j] += sum over rows of x(i, j)^2, in the order of the rows.
void add_squares(MatrixView x, std::vector<double>& sums) {
  sums.resize(x.cols, 0.0);
  parallel_for((x.cols + kColumnChunk - 1) / kColumnChunk, [&](size_t chunk) {
    const size_t first = chunk * kColumnChunk, end = std::min(x.cols, first + kColumnChunk);
    for (size_t i = 0; i < x.rows; ++i)
      for (size_t j = first; j < end; ++j)
        sums[j] += static_cast<double>(x(i, j)) * static_cast<double>(x(i, j));
  });
}

Matrix copy(MatrixView x) {
  Matrix m(x.rows, x.cols);
  for (size_t i = 0; i < x.rows; ++i) std::ranges::copy(x.row(i), m.row(i).begin());
  return m;
}

// What was seen of the inputs of a block's layers.
struct Seen {
  std::array<std::vector<double>, kLinears.size()> squares;
  std::array<Matrix, kLinears.size()> some;  // inputs of the first chunk, for the output error
};

// Relative squared error of the layer's outputs on some of its inputs.
double output_error(const Backend& backend, MatrixView x, const LinearOp& before, const LinearOp& after) {
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

  // Runs the block on every sample. With `keep` the outputs become the inputs of the next block.
  void run(const Block& block, bool keep, const InputObserver& observer) {
    const BoundBlock bound(model_, block, backend_);
    const size_t together = std::max<size_t>(1, kChunkTokens / length_);
    for (size_t first = 0; first < set_.samples.size(); first += together) {
      const size_t count = std::min(together, set_.samples.size() - first);
      Batch batch;
      for (size_t s = 0; s < count; ++s) batch.add(s, 0, set_.samples[first + s]);
      const std::vector<size_t> capacities(count, length_);
      const auto cache = backend_.make_cache(attention_shape(model_.config), 1, capacities);
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

Seen observe(Walk& walk, const Block& block) {
  Seen seen;
  walk.run(block, false, [&](Linear linear, MatrixView x) {
    const auto i = static_cast<size_t>(linear);
    add_squares(x, seen.squares[i]);
    if (seen.some[i].size() == 0) seen.some[i] = copy(x.rows_from(0, std::min<size_t>(x.rows, 512)));
  });
  for (const Linear linear : kLinears)
    for (const double sum : seen.squares[static_cast<size_t>(linear)])
      if (!std::isfinite(sum))
        fail(cat("calibration: the inputs of ", block.slot(linear).name, " are not finite"));
  return seen;
}

}  // namespace

std::vector<float> Inputs::column_norms() const {
  std::vector<float> norms;
  for (const double sum : squares_) norms.push_back(static_cast<float>(std::sqrt(sum / static_cast<double>(samples_))));
  return norms;
}

std::vector<LayerReport> Calibration::sweep(Model& model, Needs needs, const Compressor& compress) const {
  const bool runs = needs.column_norms;
  if (runs && set_.samples.empty()) fail("calibration: this method needs calibration text and there is none");
  std::unique_ptr<Walk> walk;
  if (runs) walk = std::make_unique<Walk>(set_, model, backend_);
  Progress progress("compressing", model.blocks.size());
  std::vector<LayerReport> reports;
  for (size_t b = 0; b < model.blocks.size(); ++b) {
    stop_if_interrupted();
    Block& block = model.blocks[b];
    const Seen seen = runs ? observe(*walk, block) : Seen{};
    for (const Linear linear : kLinears) {
      const auto i = static_cast<size_t>(linear);
      Slot& slot = block.slot(linear);
      LinearPtr op = compress({slot, b, linear, model.dtype}, Inputs(seen.squares[i], set_.samples.size()));
      EH_ASSERT(op->out() == slot.op->out() && op->in() == slot.op->in());
      std::optional<double> error;
      if (runs) error = output_error(backend_, seen.some[i].view(), *slot.op, *op);
      slot.op = std::move(op);
      reports.push_back(report_of(slot));
      reports.back().output_error = error;
    }
    if (runs && b + 1 < model.blocks.size()) walk->run(block, true, nullptr);
    progress.advance();
  }
  return reports;
}

}  // namespace evalharness
