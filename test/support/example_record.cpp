#include "test/support/example_record.h"

#include <algorithm>

#include "test/support/measured.h"

namespace evalharness {
namespace {

// The normal one of 95 %.
Estimate with_interval(double value, double standard_error, size_t n) {
  Estimate estimate = measured(value, standard_error, n);
  estimate.low = value - 1.96 * standard_error;
  estimate.high = value + 1.96 * standard_error;
  return estimate;
}

constexpr double kBandwidth = 31.2e9;
constexpr double kPeak = 6.265e12;

struct Shape {
  const char* name;
  double out, in;
  double prefill_share, decode_share;  // of the bound, as a measurement might find
};

constexpr Shape kShapes[] = {
    {"q_proj", 576, 576, 0.42, 0.71},     {"k_proj", 192, 576, 0.27, 0.55},
    {"v_proj", 192, 576, 0.26, 0.56},     {"o_proj", 576, 576, 0.41, 0.72},
    {"gate_proj", 1536, 576, 0.55, 0.83}, {"up_proj", 1536, 576, 0.54, 0.84},
    {"down_proj", 576, 1536, 0.47, 0.80}, {"head", 49152, 576, 0.61, 0.90}};

// bits: of a weight, scales included. The head stays dense.
RooflinePoint point(const Shape& shape, const char* phase, double bits, double efficiency) {
  const bool prefill = std::string(phase) == "prefill";
  const bool head = std::string(shape.name) == "head";
  const double tokens = prefill && !head ? 512 : 1;
  RooflinePoint point;
  point.name = shape.name;
  point.phase = phase;
  point.calls = head ? 1 : 30;
  point.kernel = bits < 16 && !head ? "int4.g64 avx512vnni" : "dense.bf16 amx";
  point.flops = point.executed_flops = 2 * tokens * shape.in * shape.out;
  point.bytes = shape.in * shape.out * (head ? 16 : bits) / 8 + 2 * tokens * (shape.in + shape.out);
  point.bound_seconds = std::max(point.flops / kPeak, point.bytes / kBandwidth);
  const double share = efficiency * (prefill ? shape.prefill_share : shape.decode_share);
  point.seconds = with_interval(point.bound_seconds / share, point.bound_seconds / share * 0.01, 20);
  return point;
}

RooflinePoint whole_model(const std::vector<RooflinePoint>& points, const char* phase) {
  RooflinePoint model;
  model.name = "model";
  model.phase = phase;
  model.kernel = "all";
  double seconds = 0;
  for (const RooflinePoint& part : points) {
    if (part.phase != phase) continue;
    model.flops += part.calls * part.flops;
    model.bytes += part.calls * part.bytes;
    seconds += part.calls * *part.seconds.value;
  }
  model.executed_flops = model.flops;
  model.bound_seconds = std::max(model.flops / kPeak, model.bytes / kBandwidth);
  model.seconds = with_interval(1.2 * seconds, 0.01 * seconds, 5);  // norms, attention and the rest
  return model;
}

Roofline roofline(double bits, double efficiency) {
  Roofline roofline;
  roofline.compute = {{"bf16 peak, AMX", kPeak, 0, "roof"},
                      {"best GEMM, bf16 2048 x 2048 x 512", 2.115e12, 0, "line"},
                      {"f32 peak, AVX-512", 4.25e11, 0, "line"}};
  roofline.bandwidth = {{"read, 512 MiB", kBandwidth, 512.0 * 1048576, "roof"},
                        {"read, 32 MiB", 5.8e10, 32.0 * 1048576, "line"},
                        {"read, 2 MiB", 3.32e11, 2.0 * 1048576, "line"}};
  for (const char* phase : {"prefill", "decode"}) {
    for (const Shape& shape : kShapes)
      roofline.points.push_back(point(shape, phase, bits, efficiency));
    roofline.points.push_back(whole_model(roofline.points, phase));
  }
  return roofline;
}

SpeedResult prefill(double seconds, double speedup, double share) {
  SpeedResult speed;
  speed.phase = "prefill";
  speed.batch = 1;
  speed.tokens = 512;
  speed.tokens_per_second = with_interval(512 / seconds, 5.1 / seconds, 7);
  speed.latency_ms = with_interval(1e3 * seconds, 10 * seconds, 7);
  speed.flops = {
      .value = 1.3e11, .standard_error = {}, .low = {}, .high = {}, .n = 1, .reason = ""};
  speed.executed_flops = 1.3e11;
  speed.effective_flops = 1.3e11;
  speed.minimum_bytes = 2.8e8 / speedup;
  speed.mfu = with_interval(1.3e11 / seconds / kPeak, 0.001, 7);
  speed.mbu = with_interval(2.8e8 / seconds / kBandwidth, 0.0005, 7);
  speed.share_of_best_gemm = with_interval(share, 0.01, 7);
  speed.speedup = with_interval(speedup, 0.02, 7);
  return speed;
}

SpeedResult decode(double tokens_per_second, double speedup, double bytes) {
  SpeedResult speed;
  speed.phase = "decode";
  speed.batch = 1;
  speed.tokens = 128;
  speed.context = 512;
  speed.tokens_per_second = with_interval(tokens_per_second, 0.01 * tokens_per_second, 7);
  speed.latency_ms = with_interval(1e3 / tokens_per_second, 10 / tokens_per_second, 7);
  speed.flops = {
      .value = 3.5e10, .standard_error = {}, .low = {}, .high = {}, .n = 1, .reason = ""};
  speed.executed_flops = 3.5e10;
  speed.effective_flops = 3.5e10;
  speed.minimum_bytes = 128 * bytes;
  speed.mfu = with_interval(2.7e8 * tokens_per_second / kPeak, 0.0001, 7);
  speed.mbu = with_interval(bytes * tokens_per_second / kBandwidth, 0.01, 7);
  speed.share_of_best_gemm = Estimate::missing("no GEMM of one row is timed");
  speed.speedup = with_interval(speedup, 0.03, 7);
  // 4 repetitions of 128 steps.
  for (const double percent : {50, 90}) {
    Estimate rank = measured(1e3 / tokens_per_second * (1 + percent / 1000), 0, 512);
    rank.standard_error.reset();
    speed.percentiles.push_back({.percent = percent, .nearest_rank_ms = rank, .conservative_ms = rank});
    *speed.percentiles.back().conservative_ms.value *= 1.25;
  }
  const Estimate refused = Estimate::missing("n/a (need 662)");
  speed.percentiles.push_back({.percent = 99, .nearest_rank_ms = refused, .conservative_ms = refused});
  speed.notes = {"the warm-up ended before its times settled"};
  return speed;
}

TaskResult task(const char* protocol, size_t documents, size_t available) {
  TaskResult result;
  result.protocol = protocol;
  result.documents = documents;
  result.available = available;
  result.seconds = 61.5;
  return result;
}

BackendResult cpu(bool dense) {
  BackendResult backend;
  backend.name = "cpu";
  TaskResult& wikitext = backend.tasks["wikitext2"] = task("wikitext2-2048", 148, 148);
  wikitext.metrics["perplexity"] =
      dense ? with_interval(17.8321, 0.2115, 148) : with_interval(18.9034, 0.2302, 148);
  TaskResult& piqa = backend.tasks["piqa"] = task("lm-eval 1.0", 1838, 1838);
  piqa.metrics["acc,none"] =
      dense ? with_interval(0.6681, 0.0110, 1838) : with_interval(0.6556, 0.0111, 1838);
  piqa.metrics["acc_norm,none"] =
      dense ? with_interval(0.6708, 0.0110, 1838) : with_interval(0.6523, 0.0111, 1838);
  TaskResult& gsm8k = backend.tasks["gsm8k"] = task("lm-eval 3.0", 24, 24);
  gsm8k.sample = true;
  gsm8k.skipped = {{"limit", 1295}};
  gsm8k.truncated = 2;
  gsm8k.unfinished = dense ? 1 : 3;
  if (!dense) gsm8k.unextracted = {{"strict-match", 5}};
  gsm8k.saved_tokens = 800;
  gsm8k.metrics["exact_match,strict-match"] =
      dense ? with_interval(0.0417, 0.0417, 24) : Estimate::missing("diverged");
  backend.speed = {dense ? prefill(0.42, 1, 0.38) : prefill(0.35, 1.2, 0.45),
                   dense ? decode(84.1, 1, 2.7e8) : decode(155.3, 1.847, 1.15e8)};
  backend.roofline = dense ? roofline(16, 1) : roofline(4.25, 0.8);
  backend.peak_memory_bytes = dense ? 612'000'000 : 344'000'000;
  backend.kernels = {{dense ? "dense.bf16, many tokens" : "int4.g64, many tokens",
                      dense ? "dense.bf16 amx" : "int4.g64 avx512vnni"}};
  return backend;
}

BackendResult cuda() {
  BackendResult backend;
  backend.name = "cuda";
  backend.unavailable = "no CUDA device on this machine";
  return backend;
}

}  // namespace

RunResult example_record() {
  RunResult run;
  run.status = "ok";
  run.name = "gptq_4bit";
  run.context = Value::Map{{"cpu", "Example CPU 9000, 2 cores"},
                           {"isa", "avx512, vnni, bf16, amx"},
                           {"threads", 2},
                           {"build", "gcc 12.2, release"},
                           {"commit", "0123abc"},
                           {"hashes", Value::Map{{"model", "6a7b"}, {"data", "91c0"}}}};
  run.config =
      Value::Map{{"model", "smollm2-135m"},
                 {"compress", Value::List{Value::Map{{"method", "gptq"}, {"bits", 4}}}},
                 {"calibration", Value::Map{{"dataset", "c4"}, {"samples", 16}, {"seed", 0}}}};
  run.steps = {
      {.method = "gptq",
       .seconds = 74.2,
       .passes = 1.96875,
       .peak_memory_bytes = 704'643'072,
       .bits_per_weight = 4.25,
       .sparsity = 0.0651,
       .details = Value::Map{{"dead_columns", 3}, {"mean_loss", 0.0625}},
       .layers = {{"model.layers.0.self_attn.q_proj", "int4.g64", 4.25, 0.0625, 0.0074, 0.0031},
                  {"model.layers.0.self_attn.k_proj", "int4.g64", 4.25, 0.0613, 0.0071, 0.0024},
                  {"model.layers.0.mlp.down_proj", "int4.g64", 4.25, 0.0702, 0.0069, std::nullopt}}}};
  run.variants = {{.name = "dense",
                   .size = {269'030'016, 269'030'016, 16, 16, 0.0001, 0.0001, 1},
                   .backends = {cpu(true), cuda()}},
                  {.name = "compressed",
                   .size = {113'050'000, 114'100'000, 6.72, 4.25, 0.051, 0.065, 2.3797},
                   .backends = {cpu(false), cuda()}}};
  run.pairs = {
      {"wikitext2", "perplexity", "cpu", with_interval(0.0583, 0.0021, 148), std::nullopt, 0, 0, 0},
      {"piqa", "acc,none", "cpu", with_interval(-0.0125, 0.0061, 1838), 0.048, 75, 52, 140},
      {"piqa", "acc_norm,none", "cpu", with_interval(-0.0185, 0.0063, 1838), 0.0042, 84, 50, 151}};
  return run;
}

}  // namespace evalharness
