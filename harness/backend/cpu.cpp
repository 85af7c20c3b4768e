// The CPU backend: the kernels of kernels/ over tiles that depend on the shapes only, so that results do
// not depend on the number of threads.

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/backend/backend.h"
#include "harness/backend/cpu_attention.h"
#include "harness/backend/cpu_cache.h"
#include "harness/backend/kernels/token_kernels.h"
#include "harness/backend/scratch.h"
#include "harness/base/integers.h"
#include "harness/base/parallel.h"
#include "harness/math/aligned.h"

namespace evalharness {
namespace {

// Rows of the head's logits that a thread holds at once, and ids of one slice.
constexpr size_t kHeadRows = 256;
constexpr size_t kHeadSlice = 1024;

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options) : options_(options), kernels_(token_kernels(options.isa)) {}

  std::string name() const override { return "cpu"; }

  std::unique_ptr<BoundLinear> bind(const LinearOp& op) const override { return bind_cpu(op, options_); }

  std::unique_ptr<KvCache> make_cache(const AttentionShape& shape, size_t layers,
                                      std::span<const size_t> capacities, Dtype dtype) const override {
    return std::make_unique<CpuKvCache>(shape, layers, capacities, dtype);
  }

  void rms_norm(MatrixView x, std::span<const float> weight, float epsilon,
                MutableMatrixView y) const override {
    for_rows(x.rows, x.cols, [&](size_t i) {
      kernels_.rms_norm(x.row(i).data(), weight.data(), epsilon, x.cols, y.row(i).data());
    });
  }
  void add(MutableMatrixView x, MatrixView y) const override {
    for_rows(x.rows, x.cols, [&](size_t i) { kernels_.add(x.row(i).data(), y.row(i).data(), x.cols); });
  }
  void add_bias(MutableMatrixView x, std::span<const float> bias) const override {
    for_rows(x.rows, x.cols, [&](size_t i) { kernels_.add(x.row(i).data(), bias.data(), x.cols); });
  }
  void silu_gate(MutableMatrixView gate, MatrixView up) const override {
    for_rows(gate.rows, gate.cols,
             [&](size_t i) { kernels_.silu_gate(gate.row(i).data(), up.row(i).data(), gate.cols); });
  }
  void rope(MutableMatrixView x, std::span<const int32_t> positions, const RopeTable& table,
            size_t head_dim) const override {
    for_rows(x.rows, x.cols, [&](size_t i) {
      const size_t p = static_cast<size_t>(positions[i]);
      kernels_.rope(x.row(i).data(), x.cols / head_dim, head_dim, table.cosines.cols(),
                    table.cosines.row(p).data(), table.sines.row(p).data());
    });
  }
  void attention(MatrixView q, MatrixView k, MatrixView v, std::span<const Segment> segments,
                 const AttentionShape& shape, size_t layer, KvCache& cache,
                 MutableMatrixView out) const override {
    auto& cpu_cache = dynamic_cast<CpuKvCache&>(cache);
    store_in_cache(k, v, segments, shape, layer, cpu_cache);
    attend(options_, q, segments, shape, layer, cpu_cache, out);
  }
  void head(MatrixView x, const BoundLinear& weight, std::span<const int32_t> targets,
            std::span<TokenScore> scores) const override;

 private:
  CpuOptions options_;
  const TokenKernels& kernels_;
};

// What slices of the vocabulary say of a row, taken together in their order.
HeadState merged(std::span<const HeadState> slices) {
  HeadState whole = slices[0];
  for (const HeadState& slice : slices.subspan(1)) {
    if (slice.maximum > whole.maximum) {
      whole = {slice.maximum, slice.sum + whole.sum * std::exp(static_cast<double>(whole.maximum - slice.maximum)), slice.best};
    } else {
      whole.sum += slice.sum * std::exp(static_cast<double>(slice.maximum - whole.maximum));
    }
  }
  return whole;
}

void CpuBackend::head(MatrixView x, const BoundLinear& weight, std::span<const int32_t> targets,
                      std::span<TokenScore> scores) const {
  const size_t vocab = weight.out(), slices = ceil_div(vocab, kHeadSlice);
  for (size_t first_row = 0; first_row < x.rows; first_row += kHeadRows) {
    const size_t rows = std::min(kHeadRows, x.rows - first_row);
    std::vector<HeadState> states(rows * slices, {-std::numeric_limits<float>::infinity(), 0, 0});
    std::vector<float> target_logits(rows, 0.0f);
    parallel_for(slices, [&](size_t s) {
      thread_local AlignedVector<float> logits;
      logits.resize(kHeadRows * kHeadSlice);
      const size_t first = s * kHeadSlice, count = std::min(kHeadSlice, vocab - first);
      const MutableMatrixView slice{logits.data(), rows, count, kHeadSlice};
      weight.forward_slice(x.rows_from(first_row, rows), first, count, slice);
      for (size_t i = 0; i < rows; ++i) {
        kernels_.head(slice.row(i).data(), count, static_cast<int32_t>(first), &states[i * slices + s]);
        const int64_t target = targets[first_row + i] - static_cast<int64_t>(first);
        if (target >= 0 && target < static_cast<int64_t>(count))
          target_logits[i] = slice(i, static_cast<size_t>(target));
      }
    });
    for (size_t i = 0; i < rows; ++i) {
      const HeadState state = merged(std::span(states).subspan(i * slices, slices));
      const double log_sum = static_cast<double>(state.maximum) + std::log(state.sum);
      const bool wanted = targets[first_row + i] >= 0;
      scores[first_row + i] = {
          .log_prob = wanted ? static_cast<float>(static_cast<double>(target_logits[i]) - log_sum) : 0.0f,
          .best = state.best,
          .best_log_prob = static_cast<float>(static_cast<double>(state.maximum) - log_sum)};
    }
  }
}

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options) {
  return std::make_unique<CpuBackend>(options);
}

}  // namespace evalharness
