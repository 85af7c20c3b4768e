// Speed of every weight format at the shapes of a small transformer: few tokens with the weights in
// DRAM (several copies in turn, more than the caches hold), many tokens with one weight.
//
//   kernels_bench --benchmark_filter='dense.bf16/.*/1$' --benchmark_repetitions=5
//
// Names are format/out x in/tokens[/library]. weight_bytes is a rate of stored bytes; flops counts
// what a dense layer would do. EVALHARNESS_THREADS sets the threads (default: all cores).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "harness/backend/bound_linear.h"
#include "harness/base/parallel.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/ops/format_registry.h"

namespace evalharness {
namespace {

struct Case {
  std::string format;
  size_t out = 0, in = 0, tokens = 0;
  GemmLibrary library = GemmLibrary::fastest;
  bool operator==(const Case&) const = default;
};

// More than the last-level cache of the machines that this runs on.
constexpr size_t kStreamedBytes = size_t{400} << 20;

Matrix half_zero(size_t rows, size_t cols) {
  Rng rng(0, "bench.weight");
  Matrix m(rows, cols);
  for (float& value : m.values())
    value = rng.below(2) == 0 ? 0 : static_cast<float>(rng.uniform()) + 1;
  return m;
}

struct Bound {
  std::vector<LinearPtr> weights;
  std::vector<std::unique_ptr<BoundLinear>> linears;
};

Bound bind(const Case& c) {
  const WeightFormat format = weight_format(c.format);
  Bound bound;
  bound.weights.push_back(format.nearest(c.format, half_zero(c.out, c.in).view()));
  const size_t bytes = bound.weights[0]->bytes();
  if (c.tokens <= kFewTokens) {
    MemoryTensors parts;
    bound.weights[0]->save(parts);
    while (bound.weights.size() * bytes < kStreamedBytes) bound.weights.push_back(load_linear(c.format, c.out, c.in, parts));
  }
  for (const LinearPtr& weight : bound.weights) bound.linears.push_back(bind_cpu(*weight, {.isa = best_isa(), .gemm = c.library}));
  return bound;
}

// Google Benchmark calls a case several times to find how often to repeat it, and then for each repetition.
const Bound& bound_once(const Case& c) {
  static Case last;
  static Bound bound;
  if (c != last) {
    bound = {};  // before the next weights are made: one case in memory
    bound = bind(c);
    last = c;
  }
  return bound;
}

void run(benchmark::State& state, const Case& c) {
  const Bound& bound = bound_once(c);
  const std::vector<std::unique_ptr<BoundLinear>>& linears = bound.linears;
  const Matrix x = half_zero(c.tokens, c.in);
  Matrix y(c.tokens, c.out);
  size_t next = 0;
  for (auto _ : state) {
    linears[next++ % linears.size()]->forward(x.view(), y.view());
    benchmark::ClobberMemory();
  }
  const auto rate = [&](double each) {
    return benchmark::Counter(each, benchmark::Counter::kIsIterationInvariantRate);
  };
  state.SetLabel(linears[0]->kernel(c.tokens));
  state.counters["weight_bytes"] = rate(static_cast<double>(bound.weights[0]->bytes()));
  state.counters["flops"] = rate(bound.weights[0]->cost(c.tokens).dense_flops);
}

void add(const Case& c) {
  const std::string library = c.library == GemmLibrary::openblas ? "/openblas" : "";
  const std::string name = cat(c.format, "/", c.out, "x", c.in, "/", c.tokens, library);
  benchmark::RegisterBenchmark(name.c_str(), [c](benchmark::State& state) { run(state, c); })
      ->UseRealTime()
      ->MinTime(0.3);
}

void add_all() {
  constexpr size_t kShapes[][2] = {{576, 576}, {192, 576}, {1536, 576}, {576, 1536}, {49152, 576}};
  for (const WeightFormat& format : weight_formats()) {
    for (const std::string& name : format.examples) {
      for (const auto& [out, in] : kShapes) {
        for (const size_t tokens : {1, 8, 32, 512}) add({name, out, in, tokens});
        if (name.starts_with("dense.")) add({name, out, in, 512, GemmLibrary::openblas});
      }
    }
  }
}

}  // namespace
}  // namespace evalharness

int main(int count, char** arguments) {
  if (const char* const threads = std::getenv("EVALHARNESS_THREADS")) {
    evalharness::set_thread_count(static_cast<size_t>(std::atoi(threads)));
  }
  evalharness::add_all();
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
