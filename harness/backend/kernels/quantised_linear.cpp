// Products whose activations are rounded to 8 bits: with int8.row.sym weights by integer kernels,
//
//     y[t, o] = scale_x[t] * scale_w[o] * sum over j of code_x[t, j] * (code_w[o, j] - 128),
//
// with any other weight by that one's own kernels on the codes, which bfloat16 holds exactly.
#include <algorithm>
#include <optional>

#include "harness/backend/kernels/int8_multiply.h"
#include "harness/backend/panel_linear.h"
#include "harness/backend/scratch.h"
#include "harness/backend/side_by_side.h"
#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/ops/quantised_input.h"

namespace evalharness {
namespace {

constexpr size_t kUnit = IntGroupLinear::kUnit;
// Rows of x whose sums are in a cache at a time.
constexpr size_t kRowBlock = 128;

// Rows of x that share an unpacked panel: unpacking costs VNNI a quarter of the product with a block of rows, AMX more than
// the product, but tiles must be enough for many cores.
size_t row_tile(size_t panels, size_t rows) {
  constexpr size_t kWantedTiles = 64, kMostBlocks = 8;
  const size_t tiles_of_a_panel = std::max<size_t>(1, kWantedTiles / panels);
  return kRowBlock * std::clamp<size_t>(rows / (tiles_of_a_panel * kRowBlock), 1, kMostBlocks);
}

// All tokens of a call as integers.
struct Int8Inputs {
  const int8_t* codes;  // [rows, depth]
  const Int8Token* tokens;
  size_t rows, depth;
  const int8_t* row(size_t i) const { return codes + i * depth; }
};

// One weight, or several side by side whose inputs are rounded alike.
class Int8Linear final : public BoundLinear {
  using Weights = SideBySide<IntGroupLinear>;

 public:
  Int8Linear(const QuantisedInput& op, const Weights& weights, Isa isa)
      : op_(op), weights_(weights), isa_(isa), kernels_(int8_kernels(isa)), depth_(round_up(weights.layout().in, kUnit)),
        depth_step_(few_tokens_depth(weights.layout().panels(), depth_, kUnit)) {}

  size_t out() const override { return weights_.layout().out; }
  size_t in() const override { return weights_.layout().in; }
  size_t resident_bytes() const override {
    size_t bytes = op_.bytes() - op_.children()[0]->bytes();
    for (const IntGroupLinear* weight : weights_.parts()) bytes += weight->bytes();
    return bytes;
  }
  std::unique_ptr<BoundLinear> join(std::span<const BoundLinear* const> others) const override {
    const std::optional<Weights> all = weights_.with(others, [&](const BoundLinear& other) -> const Weights* {
      const auto* const same = dynamic_cast<const Int8Linear*>(&other);
      return same != nullptr && same->op_.rounds_as(op_) && same->isa_ == isa_ ? &same->weights_ : nullptr;
    });
    return all ? std::make_unique<Int8Linear>(op_, *all, isa_) : nullptr;
  }
  std::string kernel(size_t tokens) const override {
    const std::string kernel = tokens <= kFewTokens ? cat("few ", kernels_.few) : cat("many ", kernels_.many);
    return cat(op_.name(), "(", weights_.parts().front()->format(), " ", kernel, ")");
  }

  void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const override {
    EH_ASSERT(first % kPanelWidth == 0 && first + count <= out() && x.cols == in());
    EH_ASSERT(y.rows == x.rows && y.cols == count);
    if (x.rows == 0 || count == 0) return;
    const Int8Inputs inputs = quantise(x);
    x.rows <= kFewTokens ? few(inputs, first / kPanelWidth, y) : many(inputs, first / kPanelWidth, y);
  }

 private:
  Int8Inputs quantise(MatrixView x) const {
    struct Codes;
    struct Tokens;
    int8_t* const codes = scratch<int8_t, Codes>(x.rows * depth_);
    Int8Token* const tokens = scratch<Int8Token, Tokens>(x.rows);
    const float scale = op_.shared_scale(x).value_or(0.0f);
    for_rows(x.rows, x.cols, [&](size_t row) {
      tokens[row] = kernels_.quantise(x.row(row).data(), x.cols, depth_, scale, codes + row * depth_);
    });
    return {codes, tokens, x.rows, depth_};
  }

  // Tiles are (panel, part of the inputs); sums of integers have no order.
  void few(const Int8Inputs& inputs, size_t first_panel, MutableMatrixView y) const {
    struct Sums;
    const size_t panels = ceil_div(y.cols, kPanelWidth), parts = ceil_div(depth_, depth_step_);
    const size_t tile = inputs.rows * kPanelWidth;
    int32_t* const sums = scratch<int32_t, Sums>(panels * parts * tile);  // [panels][parts][rows][64]
    parallel_for(panels * parts, [&](size_t index) {
      const size_t begin = index % parts * depth_step_;
      const auto [weight, panel] = weights_[first_panel + index / parts];
      multiply_int8_few(kernels_, weight, panel, begin,
                        {.x = inputs.codes + begin,
                         .x_stride = depth_,
                         .rows = inputs.rows,
                         .k = std::min(depth_step_, depth_ - begin),
                         .y = sums + index * tile});
    });
    for (size_t panel = 0; panel < panels; ++panel) {
      int32_t* const of_panel = sums + panel * parts * tile;
      for (size_t part = 1; part < parts; ++part)
        for (size_t i = 0; i < tile; ++i) of_panel[i] += of_panel[part * tile + i];
      store(inputs.tokens, of_panel, first_panel + panel, panel * kPanelWidth, y);
    }
  }

  // Tiles are (panel, rows of x).
  void many(const Int8Inputs& inputs, size_t first_panel, MutableMatrixView y) const {
    const size_t panels = ceil_div(y.cols, kPanelWidth), tile = row_tile(panels, y.rows), row_tiles = ceil_div(y.rows, tile);
    parallel_for(panels * row_tiles, [&](size_t index) {
      struct Codes;
      struct Sums;
      const size_t panel = index / row_tiles, begin = index % row_tiles * tile, end = std::min(begin + tile, y.rows);
      uint8_t* const codes = scratch<uint8_t, Codes>(depth_ * kPanelWidth);
      int32_t* const sums = scratch<int32_t, Sums>(kRowBlock * kPanelWidth);
      const auto [weight, of_weight] = weights_[first_panel + panel];
      kernels_.unpack(weight, of_weight, 0, depth_, codes);
      for (size_t row = begin; row < end; row += kRowBlock) {
        const size_t rows = std::min(kRowBlock, end - row);
        kernels_.multiply({.x = inputs.row(row), .x_stride = depth_, .rows = rows, .k = depth_, .panel = codes, .y = sums});
        store(inputs.tokens + row, sums, first_panel + panel, panel * kPanelWidth, y.rows_from(row, rows));
      }
    });
  }

  // y[:, column ...] = the sums [rows, 64] of a panel with the codes' offset and scales applied.
  void store(const Int8Token* tokens, const int32_t* sums, size_t panel, size_t column, MutableMatrixView y) const {
    const size_t width = std::min(kPanelWidth, y.cols - column);
    float scales[kPanelWidth];
    const auto [weight, of_weight] = weights_[panel];
    load_int8_scales(weight, of_weight, scales);
    for (size_t row = 0; row < y.rows; ++row) {
      float* const to = y.row(row).data() + column;
      const int32_t offset = 128 * tokens[row].sum;
      for (size_t o = 0; o < width; ++o) {
        to[o] = static_cast<float>(sums[row * kPanelWidth + o] - offset) * (tokens[row].scale * scales[o]);
      }
    }
  }

  const QuantisedInput& op_;
  Weights weights_;
  Isa isa_;
  const Int8Kernels& kernels_;
  size_t depth_;       // inputs, padded
  size_t depth_step_;  // of a tile of few tokens
};

// A weight of another format, multiplied by the codes.
class CodesLinear final : public BoundLinear {
 public:
  CodesLinear(const QuantisedInput& op, std::unique_ptr<BoundLinear> child) : op_(op), child_(std::move(child)) {}

  size_t out() const override { return child_->out(); }
  size_t in() const override { return child_->in(); }
  size_t resident_bytes() const override { return op_.bytes() - op_.children()[0]->bytes() + child_->resident_bytes(); }
  double skipped_flops(size_t tokens) const override { return child_->skipped_flops(tokens); }
  std::string kernel(size_t tokens) const override { return cat(op_.name(), "(", child_->kernel(tokens), ")"); }

  void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const override {
    const Between codes(x.rows, x.cols), scales(x.rows, 1);
    const std::optional<float> shared = op_.shared_scale(x);
    for_rows(x.rows, x.cols, [&](size_t row) {
      thread_local std::vector<int8_t> integers;
      integers.resize(x.cols);
      scales.view()(row, 0) = shared ? *shared : quantise_token(x.row(row), integers);
      if (shared) quantise_token(x.row(row), *shared, integers);
      std::ranges::copy(integers, codes.view().row(row).begin());
    });
    child_->forward_slice(codes.view(), first, count, y);
    for_rows(x.rows, count, [&](size_t row) {
      for (float& value : y.row(row)) value *= scales.view()(row, 0);
    });
  }

 private:
  const QuantisedInput& op_;
  std::unique_ptr<BoundLinear> child_;
};

std::unique_ptr<BoundLinear> bind_quantised(const LinearOp& op, const CpuOptions& options) {
  const auto& quantised = dynamic_cast<const QuantisedInput&>(op);
  const LinearOp& child = *op.children()[0];
  const auto* const weight = dynamic_cast<const IntGroupLinear*>(&child);
  if (multiplies_integers(child)) return std::make_unique<Int8Linear>(quantised, SideBySide<IntGroupLinear>({weight}), options.isa);
  return std::make_unique<CodesLinear>(quantised, bind_cpu(child, options));
}

const RegisterKernels by_token("quantised_input(", bind_quantised);
const RegisterKernels by_tensor("quantised_input.tensor(", bind_quantised);
const RegisterKernels by_calibration("quantised_input.static(", bind_quantised);

}  // namespace
}  // namespace evalharness
