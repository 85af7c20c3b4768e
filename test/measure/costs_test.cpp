// Costs of a tiny model counted by hand, bounds on round numbers, and what the system tells.
#include <catch2/catch.hpp>

#include "harness/base/parallel.h"
#include "harness/base/rng.h"
#include "harness/measure/best_gemm.h"
#include "harness/measure/flops.h"
#include "harness/measure/library_gemm.h"
#include "harness/measure/machine.h"
#include "harness/measure/memory.h"
#include "harness/measure/read_probe.h"
#include "harness/measure/roofline.h"

using namespace evalharness;

namespace {

// A dense f32 weight.
Cost linear(double tokens, double in, double out) {
  const double flops = 2 * tokens * in * out;
  return {.dense_flops = flops,
          .executed_flops = flops,
          .effective_flops = flops,
          .weight_bytes = 4 * in * out,
          .activation_bytes = 4 * tokens * (in + out)};
}

// 2 blocks; hidden 8; 2 heads of 4, one key and value head; intermediate 16; vocabulary 10.
ModelParts tiny(double tokens) {
  ModelParts parts;
  for (int block = 0; block < 2; ++block) {
    for (const auto& [in, out] : std::vector<std::pair<double, double>>{
             {8, 8}, {8, 4}, {8, 4}, {8, 8}, {8, 16}, {8, 16}, {16, 8}}) {
      parts.linears.push_back(linear(tokens, in, out));
    }
    parts.attention.push_back({.shape = {.heads = 2, .kv_heads = 1, .head_dim = 4}, .kv_value_bytes = 4});
  }
  parts.head = linear(1, 8, 10);
  parts.edge_bytes = tokens * 8 * 4;
  return parts;
}

MachineCeilings ceilings() {
  MachineCeilings made_up;
  made_up.compute = {{.name = "f32", .per_second = 50, .role = "line"},
                     {.name = "bf16", .per_second = 100, .role = "roof"}};
  made_up.bandwidth = {{.name = "1 thread", .per_second = 3, .working_set = 1000, .role = "line"},
                       {.name = "L2", .per_second = 40, .working_set = 100, .role = "roof"},
                       {.name = "L3", .per_second = 20, .working_set = 1000, .role = "roof"},
                       {.name = "DRAM", .per_second = 10, .working_set = 5000, .role = "roof"}};
  return made_up;
}

Cost cost(double executed, double weight_bytes, double activation_bytes) {
  return {.dense_flops = 2 * executed,
          .executed_flops = executed,
          .effective_flops = executed / 2,
          .weight_bytes = weight_bytes,
          .activation_bytes = activation_bytes};
}

Estimate seconds(double value) {
  Estimate estimate;
  estimate.value = value;
  estimate.n = 1;
  return estimate;
}

Matrix small_integers(size_t rows, size_t cols, uint64_t seed) {
  Rng rng(seed, "test.gemm");
  Matrix matrix(rows, cols);
  for (float& value : matrix.values()) value = static_cast<float>(rng.below(7)) - 3;
  return matrix;
}

}  // namespace

TEST_CASE("causal attention counts the positions that each token sees", "[measure]") {
  const AttentionCost attention{.shape = {.heads = 2, .kv_heads = 1, .head_dim = 4}, .kv_value_bytes = 4};
  // Tokens see 3, 4 and 5 positions: 2 * 2 * 4 * 2 * 12.
  CHECK(attention_flops(attention, {.tokens = 3, .past = 2}) == 384);
  CHECK(attention_flops(attention, {.sequences = 5, .tokens = 3, .past = 2}) == 5 * 384);
  CHECK(attention_flops(attention, {.tokens = 1, .past = 0}) == 32);
}

TEST_CASE("the cost of a pass is that of a tiny model counted by hand", "[measure]") {
  const ModelCost total = pass_cost(tiny(3), {.tokens = 3, .past = 2});
  // A block's weights: 64 + 32 + 32 + 64 + 3 * 128 = 576 values; 2 * 3 * 576 operations. Two
  // blocks, the head on one position 2 * 8 * 10, attention 2 * 384.
  CHECK(total.dense_flops == 2 * 3456 + 160 + 768);
  CHECK(total.executed_flops == total.dense_flops);
  CHECK(total.attention_flops == 768);
  CHECK(total.weight_bytes == 4 * (2 * 576 + 80));
  // A token's key and value in a block: 2 * 1 * 4 values; 2 read and 3 written, 2 blocks.
  CHECK(total.kv_bytes == 4 * 8 * 5 * 2);
  CHECK(total.edge_bytes == 3 * 8 * 4);
  CHECK(total.minimum_bytes() == 4928 + 320 + 96);
}

TEST_CASE("a compressed layer lowers executed and effective operations, attention stays",
          "[measure]") {
  ModelParts parts;
  parts.linears = {{.dense_flops = 100,
                    .executed_flops = 50,
                    .effective_flops = 40,
                    .weight_bytes = 7,
                    .activation_bytes = 9}};
  parts.attention = {{.shape = {.heads = 1, .kv_heads = 1, .head_dim = 1}, .kv_value_bytes = 2}};
  const ModelCost total = pass_cost(parts, {.tokens = 1, .past = 4});  // attention: 4 * 5
  CHECK(total.dense_flops == 120);
  CHECK(total.executed_flops == 70);
  CHECK(total.effective_flops == 60);
  CHECK(total.weight_bytes == 7);
  CHECK(total.kv_bytes == 2 * 2 * 5);
}

TEST_CASE("decoding reads the weights once a step and a cache that grows", "[measure]") {
  const ModelParts parts = tiny(1);
  const ModelCost total = decode_cost(parts, 1, 2, 3);
  CHECK(total.weight_bytes == 3 * 4928);
  // Steps see 3, 4 and 5 positions, as the prefill of three tokens does.
  CHECK(total.attention_flops == 768);
  CHECK(total.dense_flops == 3 * (2 * 1152 + 160) + 768);
  CHECK(total.kv_bytes == 4 * 8 * 2 * (3 + 4 + 5));  // past and the token itself
}

TEST_CASE("utilisations are shares of the peaks", "[measure]") {
  ModelCost total;
  total.dense_flops = 100;
  total.executed_flops = 50;
  total.weight_bytes = 30;
  total.kv_bytes = 6;
  total.edge_bytes = 4;
  CHECK(*model_flops_utilisation(total, seconds(2), 200).value == 0.25);
  CHECK(*hardware_flops_utilisation(total, seconds(2), 200).value == 0.125);
  CHECK(*model_bandwidth_utilisation(total, seconds(2), 40).value == 0.5);
  CHECK(model_flops_utilisation(total, Estimate::missing("simulated"), 200).reason == "simulated");
  CHECK(as_op(total).weight_bytes + as_op(total).activation_bytes == total.minimum_bytes());
}

TEST_CASE("an op is bounded by the compute roof or by the bandwidth at its working set",
          "[measure]") {
  CHECK(bound_seconds(ceilings(), cost(500, 10, 0), 100) == 5);  // 500 / 100, not 10 / 40
  CHECK(bound_seconds(ceilings(), cost(1, 70, 10), 100) == 2);   // 80 / 40
  CHECK(bound_seconds(ceilings(), cost(1, 70, 10), 1000) == 4);  // 80 / 20
  CHECK(bound_seconds(ceilings(), cost(1, 70, 10), 1e9) == 8);   // 80 / 10
  CHECK(ridge(ceilings(), 5000) == 10);
}

TEST_CASE("products of integers are bounded by their own peak", "[measure]") {
  MachineCeilings machine = ceilings();
  Cost half = cost(500, 10, 0);
  half.integer_flops = 250;
  CHECK(integer_peak(machine) == 100);  // none was probed: the roof
  CHECK(bound_seconds(machine, half, 100) == 5);
  machine.compute.push_back({.name = "int8 multiply peak (vpdpbusd, 2 threads)", .per_second = 250, .role = "line"});
  CHECK(integer_peak(machine) == 250);
  CHECK(bound_seconds(machine, half, 100) == Approx(3.5));  // 250 / 100 + 250 / 250
}

TEST_CASE("the peak of a mix of arithmetic lies between those of its kinds", "[measure]") {
  MachineCeilings machine = ceilings();
  CHECK(mixed_peak(machine, 500, 250) == Approx(100));  // integers were not probed: the roof
  machine.compute.push_back({.name = "int8 multiply peak (vpdpbusd, 2 threads)", .per_second = 400, .role = "line"});
  CHECK(mixed_peak(machine, 500, 0) == 100);
  CHECK(mixed_peak(machine, 500, 500) == Approx(400));
  CHECK(mixed_peak(machine, 500, 400) == Approx(250));  // 100 / 100 + 400 / 400 is 2 seconds
  CHECK(mixed_peak(machine, 0, 0) == 100);
}

TEST_CASE("between probed working sets the smaller one's bandwidth bounds", "[measure]") {
  CHECK(bandwidth_at(ceilings(), 99) == 40);  // smaller than all
  CHECK(bandwidth_at(ceilings(), 999) == 40);
  CHECK(bandwidth_at(ceilings(), 4999) == 20);
  CHECK(bandwidth_at(ceilings(), 5000) == 10);
}

TEST_CASE("ceilings without a roof are an error", "[measure]") {
  CHECK_THROWS_WITH(peak_flops({}), "roofline: no compute ceiling is a roof");
  CHECK_THROWS_WITH(bandwidth_at({}, 1), "roofline: no bandwidth ceiling is a roof");
}

TEST_CASE("the predicted speed-up is the ratio of the bounds", "[measure]") {
  const OpMeasurement dense{.name = "q_proj",
                            .phase = "decode",
                            .kernel = "dense.bf16 few avx2",
                            .cost = cost(100, 400, 0),
                            .working_set = 5000,
                            .seconds = {}};
  OpMeasurement compressed = dense;
  compressed.cost = cost(100, 190, 10);
  CHECK(predicted_speedup(ceilings(), dense, compressed) == 2);
  compressed.working_set = 2000;  // the compressed model fits a faster memory
  CHECK(predicted_speedup(ceilings(), dense, compressed) == 4);
}

TEST_CASE("a roofline has a point for each measured op", "[measure]") {
  const OpMeasurement op{.name = "q_proj",
                         .phase = "decode",
                         .kernel = "dense.bf16 few avx2",
                         .cost = cost(100, 390, 10),
                         .working_set = 5000,
                         .seconds = seconds(50)};
  const Roofline roofline = make_roofline(ceilings(), std::vector<OpMeasurement>{op});
  CHECK(roofline.compute == ceilings().compute);
  CHECK(roofline.bandwidth == ceilings().bandwidth);
  REQUIRE(roofline.points.size() == 1);
  CHECK(roofline.points[0] == RooflinePoint{.name = "q_proj",
                                            .phase = "decode",
                                            .kernel = "dense.bf16 few avx2",
                                            .flops = 200,
                                            .executed_flops = 100,
                                            .bytes = 400,
                                            .seconds = seconds(50),
                                            .bound_seconds = 40});
}

TEST_CASE("a library's product in slices is the naive one", "[measure]") {
  // Integers up to 3: every product and sum is exact, in bfloat16 too.
  const Matrix x = small_integers(37, 48, 1), w = small_integers(70, 48, 2);
  Matrix expected(37, 70);
  multiply_naive(x.view(), w.view(), expected.view());
  const size_t before = thread_count();
  for (const size_t threads : {1, 3}) {
    set_thread_count(threads);
    for (const GemmSplit split : {GemmSplit::tokens, GemmSplit::outputs}) {
      std::vector<std::unique_ptr<LibraryGemm>> gemms;
      gemms.push_back(make_onednn_gemm(x.view(), w.view(), Dtype::f32, split));
      gemms.push_back(make_openblas_gemm(x.view(), w.view(), split));
      if (multiplies_bfloat16(GemmLibrary::onednn, best_isa())) {
        gemms.push_back(make_onednn_gemm(x.view(), w.view(), Dtype::bf16, split));
      }
      for (const auto& gemm : gemms) {
        gemm->run();
        CHECK(gemm->result() == expected);
      }
    }
  }
  set_thread_count(before);
}

TEST_CASE("slices of a product cover it once, in multiples of 16", "[measure]") {
  const GemmSlice first = gemm_slice(70, 0, 3), second = gemm_slice(70, 1, 3),
                  third = gemm_slice(70, 2, 3);
  CHECK(first.first == 0);
  CHECK(first.last == 16);
  CHECK(second.first == 16);
  CHECK(second.last == 48);
  CHECK(third.first == 48);
  CHECK(third.last == 70);
  CHECK(gemm_slice(8, 0, 2).last == 0);  // less than a multiple: the last thread has it all
  CHECK(gemm_slice(8, 1, 2).last == 8);
}

TEST_CASE("every program is timed on every distinct shape, and the fastest is the line",
          "[measure]") {
  const std::vector<GemmShape> shapes = {{64, 64}, {64, 64}};
  const std::vector<GemmRate> rates = gemm_rates(shapes, 16, Dtype::f32);
  CHECK(rates.size() == 5);  // ours, and two libraries in two splits
  const std::vector<GemmRate> made_up = {{{576, 1536}, "slow", {.best = 10, .median = 9}},
                                         {{576, 576}, "fast", {.best = 20, .median = 5}}};
  CHECK(best_gemm(made_up, 512) ==
        Ceiling{.name = "best GEMM at these shapes (fast; 512 x 576 x 576)",
                .per_second = 20,
                .working_set = 0,
                .role = "line"});
}

TEST_CASE("memory is read from the kernel's text", "[measure]") {
  const std::string status = "Name:\tx\nVmHWM:\t   1234 kB\nVmRSS:\t 12 kB\nVmBad:\tmany\n";
  CHECK(status_bytes(status, "VmHWM") == 1234 * 1024);
  CHECK(status_bytes(status, "VmRSS") == 12 * 1024);
  CHECK_FALSE(status_bytes(status, "Vm"));
  CHECK_FALSE(status_bytes(status, "VmBad"));
}

TEST_CASE("the peak covers what was resident before", "[measure]") {
  const uint64_t before = resident_bytes();
  {
    const ReadProbe held(size_t{64} << 20);  // gives its memory back to the system at once
    CHECK(peak_resident_bytes() >= before + held.bytes() / 2);
  }
  CHECK(peak_resident_bytes() >= before + (size_t{32} << 20));
  if (reset_peak_resident()) CHECK(peak_resident_bytes() < before + (size_t{32} << 20));
}

TEST_CASE("the processor's name is that of its first core", "[measure]") {
  CHECK(cpu_model("processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some CPU @ 2 GHz\n"
                  "processor\t: 1\nmodel name\t: Other\n") == "Some CPU @ 2 GHz");
  CHECK(cpu_model("processor: 0\n") == "");
}

TEST_CASE("the machine is described with every key, unknown ones null", "[measure]") {
  const Value machine = describe_machine();
  for (const char* key :
       {"cpu", "isa", "cores", "threads", "memory_bytes", "caches", "kernel", "governor",
        "clock_source", "compiler", "build_type", "compile_flags", "version", "commit"}) {
    CHECK(machine.find(key) != nullptr);
  }
  CHECK(machine.find("threads")->integer() == static_cast<int64_t>(thread_count()));
  CHECK(machine.find("memory_bytes")->integer() > 0);
  CHECK_FALSE(build_commit().empty());
}
