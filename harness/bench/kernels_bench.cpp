// Speed of every weight format at the shapes of a small transformer: few tokens with the weights in
// DRAM (several copies in turn, more than the caches hold), many tokens with one weight.
//
//   kernels_bench --benchmark_filter='dense.bf16/.*/1$' --benchmark_repetitions=5
//
// Names are format/out x in/tokens[/library]. weight_bytes is a rate of stored bytes; flops counts
// what a dense layer would do. Attention is attention.cache/tokens/behind so many, with a cache of several layers in turn.
// EVALHARNESS_THREADS sets the threads (default: all cores).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "harness/backend/backend.h"
#include "harness/base/parallel.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/measure/flops.h"
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
// Of keys and values: more than two cores' share of that cache, and filled in seconds.
constexpr size_t kCacheBytes = size_t{100} << 20;

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

// Of the shape of a small transformer: nine query heads over three of keys and values.
void run_attention(benchmark::State& state, Dtype dtype, size_t tokens, size_t past) {
  const AttentionShape shape{.heads = 9, .kv_heads = 3, .head_dim = 64};
  const AttentionCost cost{shape, static_cast<double>(dtype_bytes(dtype))};
  const PassShape pass{.sequences = 1, .tokens = tokens, .past = past};
  const size_t layers = 1 + static_cast<size_t>(static_cast<double>(kCacheBytes) / kv_bytes(cost, pass));
  const auto backend = make_cpu_backend({});
  const auto cache = backend->make_cache(shape, layers, std::vector<size_t>{past + tokens}, dtype);
  Rng rng(0, "bench.attention");
  const auto random = [&](size_t rows, size_t heads) {
    Matrix m(rows, heads * shape.head_dim);
    for (float& value : m.values()) value = static_cast<float>(rng.normal());
    return m;
  };
  const auto attend = [&](size_t behind, size_t count) {
    const Matrix q = random(count, shape.heads), k = random(count, shape.kv_heads), v = random(count, shape.kv_heads);
    cache->set_length(0, behind);
    return [=, &backend, &cache, out = Matrix(count, shape.heads * shape.head_dim)](size_t of_layer) mutable {
      const Segment segment{.first = 0, .count = count, .sequence = 0};
      backend->attention(q.view(), k.view(), v.view(), {&segment, 1}, shape, of_layer, *cache, out.view());
      benchmark::ClobberMemory();
    };
  };
  if (past > 0) {
    auto fill = attend(0, past);
    for (size_t layer = 0; layer < layers; ++layer) fill(layer);
  }
  auto one = attend(past, tokens);
  size_t next = 0;
  for (auto _ : state) one(next++ % layers);
  const auto rate = [](double each) { return benchmark::Counter(each, benchmark::Counter::kIsIterationInvariantRate); };
  state.counters["kv_bytes"] = rate(kv_bytes(cost, pass));
  state.counters["flops"] = rate(attention_flops(cost, pass));
}

void add_attention() {
  constexpr size_t kPasses[][2] = {{1, 128}, {1, 512}, {1, 2048}, {8, 512}, {512, 0}, {2048, 0}};
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32})
    for (const auto& [tokens, past] : kPasses) {
      const std::string name = cat("attention.", dtype_name(dtype), "/", tokens, "/", past);
      benchmark::RegisterBenchmark(name.c_str(), [=, t = tokens, p = past](benchmark::State& state) { run_attention(state, dtype, t, p); })
          ->UseRealTime()
          ->MinTime(0.3);
    }
}

void add_all() {
  add_attention();
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
