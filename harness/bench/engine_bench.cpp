// Speed of the whole engine: prefill and decode of one model in several weight formats.
//
//   EVALHARNESS_BENCH_MODEL=smollm2-135m engine_bench --benchmark_filter='decode/.*/batch:1$'
//
// Names are phase/format/tokens/batch:N. tokens is a rate; weight_bytes one of stored bytes, counted once a pass, to
// be read beside the probed roof that `evalharness bench` prints as MBU. The model is a name, a path, or
// synthetic:llama-1b (default). EVALHARNESS_THREADS sets the threads (default: all cores).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/ops/format_registry.h"
#include "harness/run/bench.h"
#include "harness/run/model_list.h"
#include "harness/run/workload.h"

namespace evalharness {
namespace {

// One model at a time is in memory: that of the last format asked for.
class Engine {
 public:
  Transformer& in(const std::string& format) {
    if (format_ == format) return *transformer_;
    transformer_.reset();
    model_ = load_model(*checkpoint_, model_dtype_of(format), [&](MatrixView w) { return nearest_weight(format, w); });
    transformer_ = std::make_unique<Transformer>(model_, *backend_);
    format_ = format;
    return *transformer_;
  }

 private:
  static std::string name() {
    const char* const wanted = std::getenv("EVALHARNESS_BENCH_MODEL");
    return wanted == nullptr ? "synthetic:llama-1b" : wanted;
  }
  std::unique_ptr<Checkpoint> checkpoint_ = open_checkpoint(resolve_model(name(), true));
  std::unique_ptr<Backend> backend_ = make_cpu_backend({});
  std::string format_;
  Model model_;
  std::unique_ptr<Transformer> transformer_;
};

void run(benchmark::State& state, Engine& engine, const std::string& format, const SpeedConfig& config) {
  Transformer& transformer = engine.in(format);
  Workload workload(transformer, config);
  for (auto _ : state) workload.run();
  const auto rate = [](size_t each) {
    return benchmark::Counter(static_cast<double>(each), benchmark::Counter::kIsIterationInvariantRate);
  };
  const size_t passes = config.decode ? config.tokens : 1;
  state.counters["tokens"] = rate(config.tokens * config.batch);
  state.counters["weight_bytes"] =
      rate(passes * static_cast<size_t>(streamed_bytes(transformer.model())));
}

void add(Engine& engine, const std::string& format, const SpeedConfig& config) {
  const std::string name = cat(config.phase(), "/", format, "/", config.tokens, "/batch:", config.batch);
  benchmark::RegisterBenchmark(name.c_str(),
                               [&engine, format, config](benchmark::State& state) { run(state, engine, format, config); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

void add_all(Engine& engine) {
  for (const char* const format : {"dense.bf16", "sparse.2:4.bf16", "int8.row.sym.bf16", "int4.g64.bf16"}) {
    add(engine, format, {.decode = false, .tokens = 512, .context = 0, .batch = 1});
    add(engine, format, {.decode = false, .tokens = 2048, .context = 0, .batch = 1});
    for (const size_t batch : {1, 8, 32}) add(engine, format, {.decode = true, .tokens = 16, .context = 128, .batch = batch});
  }
}

}  // namespace
}  // namespace evalharness

int main(int count, char** arguments) {
  if (const char* const threads = std::getenv("EVALHARNESS_THREADS")) {
    evalharness::set_thread_count(static_cast<size_t>(std::atoi(threads)));
  }
  evalharness::Engine engine;
  evalharness::add_all(engine);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
