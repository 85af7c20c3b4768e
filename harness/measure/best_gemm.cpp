#include "harness/measure/best_gemm.h"

#include <algorithm>
#include <functional>
#include <set>

#include "harness/backend/bound_linear.h"
#include "harness/base/error.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/measure/library_gemm.h"

namespace evalharness {
namespace {

Matrix random_matrix(size_t rows, size_t cols, std::string_view purpose) {
  Rng rng(0, purpose, rows * cols);
  Matrix matrix(rows, cols);
  for (float& value : matrix.values()) value = static_cast<float>(rng.uniform() - 0.5);
  return matrix;
}

// The shapes of one product and all that was timed on it.
class Contest {
 public:
  Contest(GemmShape shape, size_t tokens)
      : shape_(shape),
        x_(random_matrix(tokens, shape.in, "measure.gemm.x")),
        w_(random_matrix(shape.out, shape.in, "measure.gemm.w")) {}

  void add(const std::string& program, const std::function<void()>& run) {
    const auto seconds = [&](size_t times) {
      return seconds_of([&] {
        for (size_t i = 0; i < times; ++i) run();
      });
    };
    const size_t times = times_for_repetition(seconds);
    const double flops = 2.0 * static_cast<double>(x_.rows() * shape_.in) *
                         static_cast<double>(shape_.out) * static_cast<double>(times);
    rates_.push_back({shape_, program, rate_of(flops, [&] { return seconds(times); })});
  }

  void add_ours(Dtype dtype) {
    const LinearPtr op = make_dense(w_.view(), dtype);
    const std::unique_ptr<BoundLinear> linear = bind_cpu(*op, {});
    Matrix y(x_.rows(), shape_.out);
    add(cat("our ", linear->kernel(x_.rows())), [&] { linear->forward(x_.view(), y.view()); });
  }

  // Float32 multiplies bfloat16 values too: where no instruction does, and it may be faster anyway.
  void add_libraries(Dtype dtype) {
    for (const GemmSplit split : {GemmSplit::tokens, GemmSplit::outputs}) {
      const std::string how = split == GemmSplit::tokens ? ", tokens split" : ", outputs split";
      if (dtype == Dtype::bf16 && multiplies_bfloat16(GemmLibrary::onednn, best_isa())) {
        const auto onednn = make_onednn_gemm(x_.view(), w_.view(), dtype, split);
        add("onednn bf16" + how, [&] { onednn->run(); });
      }
      const auto onednn = make_onednn_gemm(x_.view(), w_.view(), Dtype::f32, split);
      add("onednn f32" + how, [&] { onednn->run(); });
      const auto openblas = make_openblas_gemm(x_.view(), w_.view(), split);
      add("openblas f32" + how, [&] { openblas->run(); });
    }
  }

  std::vector<GemmRate> rates() && { return std::move(rates_); }

 private:
  GemmShape shape_;
  Matrix x_, w_;  // [tokens, in], [out, in]
  std::vector<GemmRate> rates_;
};

}  // namespace

std::vector<GemmRate> gemm_rates(std::span<const GemmShape> shapes, size_t tokens, Dtype dtype) {
  const PinnedThreads pinned;
  std::vector<GemmRate> all;
  for (const GemmShape& shape : std::set<GemmShape>(shapes.begin(), shapes.end())) {
    Contest contest(shape, tokens);
    contest.add_ours(dtype);
    contest.add_libraries(dtype);
    const std::vector<GemmRate> rates = std::move(contest).rates();
    all.insert(all.end(), rates.begin(), rates.end());
  }
  return all;
}

Ceiling best_gemm(std::span<const GemmRate> rates, size_t tokens) {
  EH_ASSERT(!rates.empty());
  const GemmRate& best = *std::max_element(
      rates.begin(), rates.end(),
      [](const GemmRate& a, const GemmRate& b) { return a.flops.best < b.flops.best; });
  return {.name = cat("best GEMM at these shapes (", best.program, "; ", tokens, " x ",
                      best.shape.in, " x ", best.shape.out, ")"),
          .per_second = best.flops.best,
          .role = "line"};
}

}  // namespace evalharness
