// What a workload counts and records, on the tiny model.
#include "harness/run/workload.h"

#include <catch2/catch.hpp>

#include "harness/ops/format_registry.h"
#include "test/support/tiny_model.h"

using namespace evalharness;

namespace {

double kv_bytes(Dtype cache, const SpeedConfig& config) {
  const Model model = tiny_model(1);
  const auto backend = make_cpu_backend({});
  Transformer transformer(model, *backend, cache);
  return Workload(transformer, config).cost().kv_bytes;
}

}  // namespace

TEST_CASE("a workload counts keys and values in the type of the cache, not of the model", "[run]") {
  // Two blocks, a key and a value each, of 2 heads of 4: 32 values a token. Five tokens of each of 3 sequences are moved.
  const SpeedConfig prefill{.decode = false, .tokens = 3, .context = 2, .batch = 3};
  CHECK(kv_bytes(Dtype::bf16, prefill) == 32 * 5 * 3 * 2);
  CHECK(kv_bytes(Dtype::f16, prefill) == 32 * 5 * 3 * 2);
  CHECK(kv_bytes(Dtype::f32, prefill) == 32 * 5 * 3 * 4);
  // Steps move 3, 4 and 5 tokens.
  const SpeedConfig decode{.decode = true, .tokens = 3, .context = 2, .batch = 1};
  CHECK(kv_bytes(Dtype::bf16, decode) == 32 * 12 * 2);
}

TEST_CASE("every decoded token is a sample of the latency, and every prefill", "[run]") {
  const Model model = tiny_model(1);
  const auto backend = make_cpu_backend({});
  Transformer transformer(model, *backend);
  Workload decode(transformer, {.decode = true, .tokens = 4, .context = 2, .batch = 2});
  Workload prefill(transformer, {.decode = false, .tokens = 4, .context = 2, .batch = 2});
  CHECK(decode.pass_seconds(0).empty());  // what fills the cache is none
  for (size_t i = 0; i < 3; ++i) decode.run();
  for (size_t i = 0; i < 3; ++i) prefill.run();
  CHECK(decode.pass_seconds(0).size() == 12);
  CHECK(decode.pass_seconds(1).size() == 8);  // without those of a warm-up of one repetition
  CHECK(prefill.pass_seconds(1).size() == 2);
}

TEST_CASE("percentiles of a latency are refused below the samples that they need", "[run]") {
  std::vector<double> seconds;
  for (size_t i = 1; i <= 70; ++i) seconds.push_back(static_cast<double>(i) / 1000);
  const std::vector<LatencyPercentile> of_70 = latency_percentiles(seconds);
  REQUIRE(of_70.size() == 3);
  CHECK(of_70[0].percent == 50);
  CHECK(*of_70[0].nearest_rank_ms.value == Approx(36));  // sorted[35]
  CHECK(*of_70[1].nearest_rank_ms.value == Approx(64));  // sorted[63]
  CHECK(*of_70[1].conservative_ms.value == Approx(70));
  CHECK(of_70[2].nearest_rank_ms.reason == "n/a (need 662)");
  CHECK(of_70[2].conservative_ms.reason == "n/a (need 662)");
  CHECK(latency_percentiles({})[0].nearest_rank_ms.reason == "n/a (need 11)");
}

TEST_CASE("the speed of a workload leaves the warm-up out and says what is doubtful", "[run]") {
  const Model model = tiny_model(1);
  const auto backend = make_cpu_backend({});
  Transformer transformer(model, *backend);
  Workload work(transformer, {.decode = true, .tokens = 8, .context = 0, .batch = 1});
  for (size_t i = 0; i < 14; ++i) work.run();
  Timing timing;
  timing.warmup_repetitions = 6;
  timing.median.value = 0.5;
  timing.median.low = 0.4;
  timing.median.high = 0.6;
  const MachineCeilings ceilings{.compute = {{.name = "f32", .per_second = 1e6, .working_set = 0, .role = "roof"}},
                                 .bandwidth = {{.name = "read", .per_second = 1e6, .working_set = 1, .role = "roof"}}};
  const SpeedResult speed = work.speed(timing, ceilings);
  CHECK(*speed.latency_ms.value == 62.5);
  CHECK(speed.percentiles[1].nearest_rank_ms.n == 64);  // 8 repetitions of 8
  CHECK(*speed.mfu.value == Approx(work.cost().dense_flops / 0.5e6));
  CHECK(speed.notes == std::vector<std::string>{"the warm-up ended before its times settled",
                                                "the interval of its time is wider than 10 %"});
  timing.warmup_repetitions = 5;  // of a workload so long that nobody can tell whether it had settled
  CHECK(work.speed(timing, ceilings).notes == std::vector<std::string>{"the interval of its time is wider than 10 %"});
}

TEST_CASE("a workload counts as executed what its kernels multiply", "[run]") {
  Model model = tiny_model(1, Dtype::bf16);
  for (Block& block : model.blocks)
    for (Slot& slot : block.slots) slot.op = nearest_weight("sparse.2:4.bf16", slot.op->to_dense().view());
  const auto backend = make_cpu_backend({});
  Transformer transformer(model, *backend);
  for (const size_t batch : {1, 8}) {
    Workload work(transformer, {.decode = true, .tokens = 1, .context = 0, .batch = batch});
    const ModelCost cost = work.cost();
    double places = 0, skipped = 0;  // of the linear layers, whose panels have 64 outputs and 32 inputs
    for (size_t b = 0; b < model.blocks.size(); ++b)
      for (const Linear linear : kLinears) {
        places += 2 * 64 * 32 * static_cast<double>(batch);
        const BoundLinear& bound = transformer.block(b).linear(linear);
        if (bound.kernel(batch).ends_with("select")) skipped += 64 * 32 * static_cast<double>(batch);
      }
    CHECK(cost.executed_flops == places - skipped + cost.attention_flops + model.head().cost(batch).executed_flops);
    if (batch == 1 && best_isa() == Isa::avx2) CHECK(skipped > 0);
  }
}

TEST_CASE("MFU of a model whose products are of integers is of the peak of that mix", "[run]") {
  Model model = tiny_model(1);
  for (Block& block : model.blocks)
    for (Slot& slot : block.slots) slot.op = nearest_weight("quantised_input(int8.row.sym.f32)", slot.op->to_dense().view());
  const auto backend = make_cpu_backend({});
  Transformer transformer(model, *backend);
  Workload work(transformer, {.decode = false, .tokens = 8, .context = 0, .batch = 1});
  const ModelCost cost = work.cost();
  // Products of 8 tokens in two blocks; what runs is a panel of 64 outputs each, of 16 inputs, of `down` 32.
  CHECK(cost.integer_flops == 2 * 2 * 64 * (6 * 16 + 32) * 8);
  work.run();
  Timing timing{.seconds = {}, .median = {}, .warmup_repetitions = 0, .warm = true};
  timing.median.value = 1;
  const MachineCeilings ceilings{.compute = {{.name = "f32", .per_second = 1e6, .working_set = 0, .role = "roof"},
                                             {.name = "int8 peak", .per_second = 4e6, .working_set = 0, .role = "line"}},
                                 .bandwidth = {{.name = "read", .per_second = 1e6, .working_set = 1, .role = "roof"}}};
  // The least time is the utilisation of a second.
  const double least = (cost.executed_flops - cost.integer_flops) / 1e6 + cost.integer_flops / 4e6;
  CHECK(*work.speed(timing, ceilings).mfu.value == Approx(least * cost.dense_flops / cost.executed_flops));
}
