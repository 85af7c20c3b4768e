#include "harness/backend/panel_linear.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "harness/backend/kernels/token_kernels.h"
#include "harness/backend/panel_inputs.h"
#include "harness/backend/scratch.h"
#include "harness/backend/side_by_side.h"
#include "harness/base/error.h"
#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

// Rows of x that share one decoded panel: twice as many where our kernels take deep ones part by part.
template <class T>
constexpr size_t most_tile_rows(bool ours) {
  return (ours ? 1024 : 512) / sizeof(T);
}
constexpr size_t kMostTileBytes = size_t{640} << 10;  // of inputs that meet one panel after the other: they stay in the second-level cache
constexpr size_t kTileRowsMultiple = 32;  // what AMX takes at once, and a multiple of what the others do

// A pair as one word, so that the loops become vectors: its lower half is the even input.
void widen(const uint16_t* pairs, size_t depth, float* to) {
  uint32_t words[kPanelWidth];
  for (size_t k = 0; k < depth; k += 2, pairs += 2 * kPanelWidth, to += 2 * kPanelWidth) {
    std::memcpy(words, pairs, sizeof words);
    for (size_t j = 0; j < kPanelWidth; ++j) to[j] = std::bit_cast<float>(words[j] << 16);
    for (size_t j = 0; j < kPanelWidth; ++j) to[kPanelWidth + j] = std::bit_cast<float>(words[j] & 0xffff0000u);
  }
}

// Stored is float or uint16_t (bfloat16). One weight, or several of one format side by side.
template <class Stored>
class PanelLinear final : public BoundLinear {
  using Readers = SideBySide<PanelReader<Stored>>;

 public:
  PanelLinear(const Readers& readers, const CpuOptions& options)
      : readers_(readers), first_(*readers.parts().front()), layout_(readers.layout()), options_(options) {
    const size_t unit = kDepthMultipleBf16;
    const size_t block = first_.block() == SIZE_MAX ? unit : std::max(unit, first_.block());
    depth_step_ = few_tokens_depth(layout_.panels(), layout_.depth(), block);
  }
  PanelLinear(std::unique_ptr<const PanelReader<Stored>> reader, const CpuOptions& options) : PanelLinear(Readers({reader.get()}), options) {
    own_ = std::move(reader);
  }

  size_t out() const override { return layout_.out; }
  size_t in() const override { return layout_.in; }
  size_t resident_bytes() const override {
    size_t bytes = 0;
    for (const PanelReader<Stored>* reader : readers_.parts()) bytes += reader->op().bytes();
    return bytes;
  }

  double skipped_flops(size_t tokens) const override {
    if (!runs_as_few(tokens)) return 0;
    return first_.few_skips(options_.isa, tokens) * 2 * static_cast<double>(tokens * layout_.values());
  }

  std::unique_ptr<BoundLinear> join(std::span<const BoundLinear* const> others) const override {
    const std::optional<Readers> all = readers_.with(others, [&](const BoundLinear& other) -> const Readers* {
      const auto* const same = dynamic_cast<const PanelLinear*>(&other);
      if (same == nullptr || same->first_.op().format() != first_.op().format() || same->options_ != options_) return nullptr;
      return &same->readers_;
    });
    return all ? std::make_unique<PanelLinear>(*all, options_) : nullptr;
  }

  std::string kernel(size_t tokens) const override {
    const std::string format = first_.op().format();
    if (runs_as_few(tokens)) return cat(format, " few ", first_.few_kernel(options_.isa, tokens));
    const std::string decoder = first_.decoder().empty() ? "" : cat(" ", first_.decoder());
    const bool widened = kBf16 && !multiplies_bfloat16(options_.gemm, options_.isa);
    const std::string library = multiply_rows_kernel(options_.gemm, options_.isa, kBf16 && !widened);
    return cat(format, " many ", library, widened ? " f32" : "", decoder);
  }

  bool forward_gated(MatrixView x, MutableMatrixView y) const override {
    if constexpr (kBf16) {
      const bool pair = readers_.parts().size() == 2 && 2 * y.cols == out() && y.cols % kPanelWidth == 0;
      const bool ours = multiplies_bfloat16(options_.gemm, options_.isa) && takes_rows_apart(options_.gemm, options_.isa, true);
      if (!pair || !ours || runs_as_few(x.rows) || tile_depth<Stored>(x.rows, ours) < layout_.depth()) return false;
      gated(x, y);
    }
    return kBf16;
  }

  void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const override {
    EH_ASSERT(first % kPanelWidth == 0 && first + count <= out() && x.cols == in());
    EH_ASSERT(y.rows == x.rows && y.cols == count);
    if (x.rows == 0 || count == 0) return;
    const size_t panel = first / kPanelWidth;
    if (runs_as_few(x.rows)) {
      few(x, panel, y);
    } else if (kBf16 && multiplies_bfloat16(options_.gemm, options_.isa)) {
      many<Stored>(x, panel, y);
    } else {
      many<float>(x, panel, y);
    }
  }

 private:
  static constexpr bool kBf16 = std::is_same_v<Stored, uint16_t>;

  bool runs_as_few(size_t tokens) const {
    return tokens <= few_tokens(options_.gemm, options_.isa, kBf16 && first_.block() == SIZE_MAX);
  }

  // For few(); null where inputs are read as they are.
  const std::byte* prepare(const PanelInputs<Stored>& inputs, size_t rows) const {
    struct Prepared;
    const size_t bytes = first_.prepared_bytes(options_.isa, rows);
    if (bytes == 0) return nullptr;
    std::byte* const prepared = scratch<std::byte, Prepared>(bytes);
    first_.prepare(options_.isa, {.x = inputs.data, .x_stride = inputs.stride, .rows = rows, .k = layout_.depth()}, depth_step_, prepared);
    return prepared;
  }

  // Tiles are (panel, part of the inputs); their sums are added in the order of the parts.
  void few(MatrixView x, size_t first_panel, MutableMatrixView y) const {
    struct Sums;
    const PanelInputs<Stored> inputs = panel_inputs<Stored>(x, kBf16, layout_.depth(), layout_.depth());
    const std::byte* const prepared = prepare(inputs, x.rows);
    const size_t panels = ceil_div(y.cols, kPanelWidth);
    const size_t parts = ceil_div(layout_.depth(), depth_step_);
    const size_t tile = x.rows * kPanelWidth;
    float* const sums = scratch<float, Sums>(panels * parts * tile);  // [panels][parts][rows][64]
    parallel_for(panels * parts, [&](size_t index) {
      const size_t begin = index % parts * depth_step_;
      PanelProduct<Stored> product{.x = inputs.data + begin, .x_stride = inputs.stride, .rows = x.rows, .k = std::min(depth_step_, layout_.depth() - begin)};
      product.y = sums + index * tile;
      product.y_stride = kPanelWidth;
      const auto [reader, panel] = readers_[first_panel + index / parts];
      reader.multiply_few(options_.isa, panel, begin, product, prepared);
    });
    for (size_t panel = 0; panel < panels; ++panel) {
      add_parts(sums + panel * parts * tile, parts, panel * kPanelWidth, y);
    }
  }

  static void add_parts(const float* sums, size_t parts, size_t column, MutableMatrixView y) {
    const size_t width = std::min(kPanelWidth, y.cols - column);
    for (size_t row = 0; row < y.rows; ++row) {
      float* const to = y.data + row * y.stride + column;
      std::copy_n(sums + row * kPanelWidth, width, to);
      for (size_t part = 1; part < parts; ++part) {
        const float* const more = sums + (part * y.rows + row) * kPanelWidth;
        for (size_t j = 0; j < width; ++j) to[j] += more[j];
      }
    }
  }

  // Inputs [begin, end) of a panel as values of T, in place or in this thread's scratch.
  template <class T>
  const T* decode(size_t panel, size_t begin, size_t end) const {
    struct Decoded;
    struct Widened;
    const size_t size = (end - begin) * kPanelWidth;
    const bool in_place = first_.block() == SIZE_MAX;
    Stored* const values = in_place ? nullptr : scratch<Stored, Decoded>(size);
    const auto [reader, of_reader] = readers_[panel];
    const Stored* const stored = reader.read(of_reader, begin, end, values);
    if constexpr (std::is_same_v<T, Stored>) {
      return stored;
    } else {
      T* const wide = scratch<T, Widened>(size);
      widen(stored, end - begin, wide);
      return wide;
    }
  }

  // Inputs that a tile of so many rows takes at a time. A library takes all.
  template <class T>
  size_t tile_depth(size_t rows, bool ours) const {
    const size_t depth = layout_.depth(), bytes = std::min(rows, most_tile_rows<T>(ours)) * depth * sizeof(T);
    if (!ours || bytes <= kMostTileBytes) return depth;
    const size_t unit = first_.block() == SIZE_MAX ? kDepthMultipleBf16 : std::max(kDepthMultipleBf16, first_.block());
    return round_up(ceil_div(depth, ceil_div(bytes, kMostTileBytes)), unit);
  }

  // How rows of x are cut into tiles.
  template <class T>
  static size_t tile_rows(size_t rows, bool ours) {
    return round_up(ceil_div(rows, ceil_div(rows, most_tile_rows<T>(ours))), kTileRowsMultiple);
  }

  // Rows of x times inputs [begin, end) of a panel; y is to be set.
  template <class T>
  PanelProduct<T> tile_product(const PanelInputs<T>& inputs, size_t row, size_t rows, size_t panel, size_t begin, size_t end) const {
    return {.x = inputs.row(row) + begin, .x_stride = inputs.stride, .rows = rows, .k = end - begin, .panel = decode<T>(panel, begin, end)};
  }

  // What is read next where that is a panel in place: those that are decoded stream by faster than they are multiplied.
  std::span<const std::byte> in_place(size_t panel, size_t begin, size_t end) const {
    if (first_.block() != SIZE_MAX) return {};
    return std::as_bytes(std::span(decode<Stored>(panel, begin, end), (end - begin) * kPanelWidth));
  }

  // Tiles are (rows of x, panel), those of the same rows behind each other. T is what the GEMM multiplies.
  template <class T>
  void many(MatrixView x, size_t first_panel, MutableMatrixView y) const {
    const size_t depth = layout_.depth();
    const bool ours = takes_rows_apart(options_.gemm, options_.isa, std::is_same_v<T, uint16_t>);
    const PanelInputs<T> inputs = panel_inputs<T>(x, kBf16, depth, ours ? apart<T>(depth) : depth);
    const size_t panels = ceil_div(y.cols, kPanelWidth), rows = tile_rows<T>(x.rows, ours), step = tile_depth<T>(x.rows, ours);
    for (size_t begin = 0; begin < depth; begin += step) {
      const size_t end = std::min(depth, begin + step);
      parallel_for(panels * ceil_div(x.rows, rows), [&](size_t index) {
        const size_t panel = index % panels, row = index / panels * rows, own = first_panel + panel;
        PanelProduct<T> product = tile_product(inputs, row, std::min(rows, x.rows - row), own, begin, end);
        if (panel + 1 < panels) product.next = in_place(own + 1, begin, end);
        product.add = begin > 0;
        const size_t column = panel * kPanelWidth;
        const size_t width = std::min(kPanelWidth, y.cols - column);
        multiply_columns(product, width, y.data + row * y.stride + column, y.stride);
      });
    }
  }

  // As many(); a tile's gate becomes y, and what it lets through stays in the second-level cache.
  void gated(MatrixView x, MutableMatrixView y) const {
    const size_t depth = layout_.depth(), panels = y.cols / kPanelWidth, rows = tile_rows<Stored>(x.rows, true);
    const PanelInputs<Stored> inputs = panel_inputs<Stored>(x, kBf16, depth, apart<Stored>(depth));
    const TokenKernels& kernels = token_kernels(options_.isa);
    parallel_for(panels * ceil_div(x.rows, rows), [&](size_t index) {
      struct Up;
      const size_t panel = index % panels, row = index / panels * rows, count = std::min(rows, x.rows - row);
      const MutableMatrixView gate = y.rows_from(row, count).columns(panel * kPanelWidth, kPanelWidth);
      float* const up = scratch<float, Up>(count * kPanelWidth);
      PanelProduct<Stored> product = tile_product(inputs, row, count, panel, 0, depth);
      product.next = in_place(panels + panel, 0, depth);
      multiply_columns(product, kPanelWidth, gate.data, gate.stride);
      product = tile_product(inputs, row, count, panels + panel, 0, depth);
      if (panel + 1 < panels) product.next = in_place(panel + 1, 0, depth);
      multiply_columns(product, kPanelWidth, up, kPanelWidth);
      for (size_t r = 0; r < count; ++r) kernels.silu_gate(gate.row(r).data(), up + r * kPanelWidth, kPanelWidth);
    });
  }

  // The last panel may have fewer outputs than kernels write.
  template <class T>
  void multiply_columns(PanelProduct<T> product, size_t width, float* y, size_t y_stride) const {
    struct Ragged;
    if (width == kPanelWidth) {
      product.y = y;
      product.y_stride = y_stride;
      multiply_rows(options_.gemm, options_.isa, product);
      return;
    }
    product.y = scratch<float, Ragged>(product.rows * kPanelWidth);
    product.y_stride = kPanelWidth;
    if (product.add)
      for (size_t row = 0; row < product.rows; ++row) std::copy_n(y + row * y_stride, width, product.y + row * kPanelWidth);
    multiply_rows(options_.gemm, options_.isa, product);
    for (size_t row = 0; row < product.rows; ++row) {
      std::copy_n(product.y + row * kPanelWidth, width, y + row * y_stride);
    }
  }

  std::unique_ptr<const PanelReader<Stored>> own_;  // of one weight; those of several are borrowed
  Readers readers_;
  const PanelReader<Stored>& first_;  // of the same kind as the others
  PanelLayout layout_;
  CpuOptions options_;
  size_t depth_step_ = 0;  // inputs of a tile for few tokens: a function of the shape only
};

}  // namespace

template <class T>
std::unique_ptr<BoundLinear> bind_panels(std::unique_ptr<const PanelReader<T>> reader,
                                         const CpuOptions& options) {
  return std::make_unique<PanelLinear<T>>(std::move(reader), options);
}
template std::unique_ptr<BoundLinear> bind_panels(std::unique_ptr<const PanelReader<float>>,
                                                  const CpuOptions&);
template std::unique_ptr<BoundLinear> bind_panels(std::unique_ptr<const PanelReader<uint16_t>>,
                                                  const CpuOptions&);

}  // namespace evalharness
