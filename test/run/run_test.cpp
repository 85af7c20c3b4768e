// Whole runs of a tiny random model on the bundled samples.
#include <catch2/catch.hpp>
#include <set>

#include <filesystem>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/parallel.h"
#include "harness/base/text.h"
#include "harness/run/run.h"
#include "harness/run/suite.h"
#include "test/support/home.h"
#include "test/support/json_schema.h"
#include "test/support/tiny_bench.h"

using namespace evalharness;

namespace {

const std::string kQuality =
    "dtype: bf16\n"
    "compress: [{method: wanda, sparsity: 0.5}]\n"
    "calibration: {dataset: c4, samples: 2, length: 64, seed: 0}\n"
    "tasks: [wikitext2, lambada_openai, piqa, gsm8k]\n"
    "limits: {wikitext2: 1, lambada_openai: 3, piqa: 3, gsm8k: 1}\n"
    "backends: [cpu, cuda]\n";

}  // namespace

TEST_CASE("a run gives the same record on one and on three threads", "[run][threads]") {
  const TinyBench bench;
  const std::string config = bench.config(kQuality);
  const size_t threads = thread_count();
  set_thread_count(1);
  const RunResult one = bench.run_in("one", config);
  set_thread_count(3);
  const RunResult three = bench.run_in("three", config);
  set_thread_count(threads);
  CHECK(one.status == "ok");
  CHECK(timeless(one) == timeless(three));
  const BackendResult& cpu = one.variants.at(1).backends.at(0);
  CHECK(cpu.tasks.at("piqa").sample);
  CHECK(cpu.tasks.at("piqa").metrics.at("acc,none").n == 3);
  CHECK(cpu.tasks.at("wikitext2").documents == 1);
  CHECK(one.variants.at(1).size.sparsity_linears == Approx(0.5).margin(0.05));
  CHECK(one.variants.at(1).backends.at(1).unavailable == "no CUDA backend in this build");
  CHECK(one.pairs.size() > 3);
}

TEST_CASE("a run cut short at any line of its journal goes on to the same record", "[run][journal]") {
  const TinyBench bench;
  const std::string config = bench.config(kQuality);
  const std::string whole = timeless(bench.run_in("whole", config));
  const std::vector<std::string> lines = split(read_text(bench.folder.path("whole/journal.jsonl")), "\n");
  REQUIRE(lines.size() > 6);
  for (const size_t kept : {size_t{1}, lines.size() / 2}) {
    std::string journal;
    for (size_t i = 0; i < kept; ++i) journal += lines[i] + "\n";
    journal += lines[kept].substr(0, lines[kept].size() / 2);  // a line that the kill cut in two
    const std::string name = cat("cut", kept);
    write_file(bench.folder.path(name + "/journal.jsonl"), journal);
    CHECK(timeless(bench.run_in(name, config)) == whole);
  }
}

TEST_CASE("the journal of another config is refused", "[run][journal]") {
  const TinyBench bench;
  bench.run_in("a", bench.config("tasks: [piqa]\nlimits: {piqa: 1}\n"));
  CHECK_THROWS_WITH(bench.run_in("a", bench.config("dtype: f32\ntasks: [piqa]\nlimits: {piqa: 1}\n")),
                    Catch::Contains("journal.jsonl"));
}

TEST_CASE("an int8 head alone makes a compressed variant, on the head's own kernels", "[run][head]") {
  const TinyBench bench;
  CHECK_THROWS_WITH(bench.run_in("same", bench.config("dtype: f32\nhead: f32\ntasks: [piqa]\n")),
                    Catch::Contains("head: expected another type than the model's dtype, got 'f32'"));
  const RunResult result = bench.run_in("head", bench.config("head: int8\ntasks: [piqa]\nlimits: {piqa: 1}\n"));
  REQUIRE(result.variants.size() == 2);
  CHECK(result.variants[0].backends[0].kernels.count("int8.g32.sym.bf16 few tokens") == 0);
  CHECK(result.variants[1].backends[0].kernels.count("int8.g32.sym.bf16 few tokens") == 1);
  CHECK(result.variants[1].size.disk_bytes < result.variants[0].size.disk_bytes);
}

TEST_CASE("the journal of fewer windows is refused where more are asked for", "[run][journal]") {
  const TinyBench bench;
  const auto limited = [&](size_t windows) {
    return bench.config(cat("tasks: [wikitext2]\nlimits: {wikitext2: ", windows, "}\n"));
  };
  const RunResult one = bench.run_in("a", limited(1));
  CHECK(one.config.find("limits")->find("wikitext2")->integer() == 1);
  CHECK_THROWS_WITH(bench.run_in("a", limited(2)), Catch::Contains("the journal of another run"));
}

TEST_CASE("a record of a run with speed fits the schema and reads back", "[run][schema]") {
  const TinyBench bench;
  const RunResult result = bench.run_in(
      "speed", bench.config("compress: [{method: magnitude, pattern: 2:4}]\ntasks: [piqa]\nlimits: {piqa: 1}\n"
                            "speed: [{prefill: 16}, {decode: 4, context: 8, batch: 2}]\n"));
  const std::string text = read_text(bench.folder.path("speed/record.json"));
  const Value schema = parse_json(read_text(home_path("reports/record.schema.json")), "record.schema.json");
  CHECK(schema_errors(schema, parse_json(text, "record.json")) == std::vector<std::string>{});
  CHECK(run_result_from_json(text, "record.json") == result);
  const BackendResult& cpu = result.variants.at(1).backends.at(0);
  REQUIRE(cpu.speed.size() == 2);
  CHECK(*cpu.speed[1].tokens_per_second.value > 0);
  CHECK(cpu.speed[1].speedup.value.has_value());
  CHECK(!cpu.roofline.bandwidth.empty());
  // Four kinds of layers by what they read, attention, the head, small ops, their pass, and the model as it was timed, in both phases.
  CHECK(cpu.roofline.points.size() == 18);
  const ModelConfig config = tiny_config({.context = 2048});
  std::set<std::string> names;
  for (const RooflinePoint& point : cpu.roofline.points) {
    CAPTURE(point.name, point.phase);
    names.insert(point.name);
    const bool once = point.name == "head" || point.name == "model" || point.name == "pass" || point.name == "norms, rotation, gates";
    CHECK(point.calls == (once ? 1 : static_cast<double>(config.layers)));
    CHECK(*point.seconds.value > 0);
    // The decode of two sequences behind 8 tokens: each new one sees 9; two products of 2 FLOP.
    if (point.name == "attention" && point.phase == "decode")
      CHECK(point.flops == 2 * 2 * 2 * 9 * static_cast<double>(config.heads * config.head_dim));
    if (point.name == "head") CHECK(point.flops == (point.phase == "decode" ? 2 : 1) * 2 * static_cast<double>(config.vocab * config.hidden));
  }
  CHECK(names == std::set<std::string>{"q, k, v_proj", "o_proj", "gate, up_proj", "down_proj", "attention", "head", "norms, rotation, gates", "pass",
                                       "model"});
  CHECK(*result.variants.at(0).backends.at(0).speed[1].roofline_speedup.value == 1);
  const auto bound = [&](size_t variant, const std::string& phase) {
    for (const RooflinePoint& point : result.variants.at(variant).backends.at(0).roofline.points)
      if (point.name == "model" && point.phase == phase) return point.bound_seconds;
    return 0.0;
  };
  CHECK(*cpu.speed[1].roofline_speedup.value == Approx(bound(0, "decode") / bound(1, "decode")));
}

TEST_CASE("a model that gives no numbers ends as diverged, and the record says where", "[run]") {
  const TinyBench bench;
  TinyOptions options{.context = 2048};
  auto weights = tiny_weights(options);
  weights.at("model.norm.weight").values()[0] = std::numeric_limits<float>::quiet_NaN();
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, w] : weights) {
    const auto bytes = std::as_bytes(w.values());
    const bool vector = w.rows() == 1;
    entries.push_back({name, "F32", vector ? std::vector<size_t>{w.cols()} : std::vector<size_t>{w.rows(), w.cols()},
                       std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
  }
  write_file(bench.folder.path("model/model.safetensors"), safetensors_bytes(entries));
  const RunResult result = bench.run_in("nan", bench.config("tasks: [wikitext2]\nlimits: {wikitext2: 1}\n"));
  CHECK(result.status == "diverged");
  const Estimate& perplexity = result.variants.at(0).backends.at(0).tasks.at("wikitext2").metrics.begin()->second;
  CHECK(!perplexity.value.has_value());
  CHECK(perplexity.reason == "diverged");
}

TEST_CASE("mistakes in a config are one line with their place, before any work", "[run][config]") {
  const TinyBench bench;
  const auto error_of = [&](const std::string& rest) -> std::string {
    try {
      read_run_config(bench.config(rest), {});
    } catch (const Error& error) {
      return replace_all(error.what(), bench.folder.path() + "/", "");
    }
    return "";
  };
  CHECK(error_of("taks: [piqa]\n") == "tiny.yaml:2:7: taks: unknown key (did you mean 'tasks'?)");
  CHECK(error_of("tasks: [pica]\n") == "tiny.yaml:2:9: tasks[0]: unknown task 'pica' (did you mean 'piqa'?)");
  CHECK(error_of("dtype: bf61\n") == "tiny.yaml:2:8: dtype: expected one of bf16, f32, got 'bf61' (did you mean 'bf16'?)");
  CHECK(error_of("kv_cache: f64\n") == "tiny.yaml:2:11: kv_cache: expected one of bf16, f16, f32, got 'f64'");
  CHECK(error_of("tasks: [piqa, piqa]\n") == "tiny.yaml:2:15: tasks[1]: task 'piqa' is listed twice");
  CHECK(error_of("tasks: [piqa]\nlimits: {gsm8k: 3}\n") == "tiny.yaml:3:17: limits.gsm8k: no such task in tasks");
  CHECK(error_of("tasks: [piqa]\nlimits: {piqa: -3}\n") == "tiny.yaml:3:16: limits.piqa: expected N, random:N or random:N:SEED, got '-3'");
  CHECK(error_of("tasks: [piqa]\nlimits: {piqa: 'random:0'}\n") == "tiny.yaml:3:16: limits.piqa: expected at least 1 document at random, got 0");
  CHECK(error_of("backends: [cpu, coda]\n") ==
        "tiny.yaml:2:17: backends[1]: expected one of cpu, cuda, got 'coda' (did you mean 'cuda'?)");
  CHECK(error_of("speed: [{decode: 4, prefill: 3}]\n") ==
        "tiny.yaml:2:9: speed[0]: expected either prefill: TOKENS or decode: TOKENS");
  CHECK(error_of("calibration: {samples: 0}\n") == "tiny.yaml:2:24: calibration.samples: expected at least 1, got 0");
}

TEST_CASE("a step that would undo one before it is refused where it stands", "[run][config]") {
  const TinyBench bench;
  const auto error_of = [&](const std::string& steps) -> std::string {
    try {
      read_run_config(bench.config("calibration: {samples: 2}\ncompress: [" + steps + "]\n"), {});
    } catch (const Error& error) {
      return replace_all(error.what(), bench.folder.path() + "/", "");
    }
    return "";
  };
  const std::string rtn = "{method: rtn}", wanda = "{method: wanda}", svd = "{method: svd}", dsnot = "{method: dsnot}";
  CHECK(error_of(rtn + ", " + wanda) == "tiny.yaml:3:36: compress[1].method: wanda: it would lose the codes of rtn: expected before it");
  CHECK(error_of(wanda + ", " + svd) ==
        "tiny.yaml:3:38: compress[1].method: svd: it would make dense parts of what wanda left: expected before it");
  CHECK(error_of(svd + ", {method: awq}") == "tiny.yaml:3:36: compress[1].method: awq: it treats whole weights, and svd leaves others");
  CHECK(error_of("{method: rtn, activations: int8}, {method: smoothquant}") ==
        "tiny.yaml:3:55: compress[1].method: smoothquant: it treats whole weights, and rtn leaves others");
  CHECK(error_of(rtn + ", {method: gptq}") == "tiny.yaml:3:36: compress[1].method: gptq: the weights have been rounded by rtn already");
  CHECK(error_of(wanda + ", {method: sparsegpt}") ==
        "tiny.yaml:3:38: compress[1].method: sparsegpt: the weights have been pruned by wanda already");
  CHECK(error_of(dsnot) == "tiny.yaml:3:21: compress[0].method: dsnot: it refines what a method prunes: expected right behind one");
  CHECK(error_of(wanda + ", " + rtn + ", " + dsnot).find("dsnot: it would lose the codes of rtn") != std::string::npos);
  // Neither before the other: it is not said.
  CHECK(error_of("{method: llm_int8}, " + wanda) == "tiny.yaml:3:41: compress[1].method: wanda: it would lose the codes of llm_int8");
  CHECK(error_of(wanda + ", {method: llm_int8}") == "tiny.yaml:3:38: compress[1].method: llm_int8: it would make dense parts of what wanda left");
  CHECK(error_of(svd + ", {method: smoothquant, weights: keep}") ==
        "tiny.yaml:3:36: compress[1].method: smoothquant: it treats whole weights, and svd leaves others: expected before it");
  CHECK(error_of("{method: smoothquant, weights: keep}, {method: asvd, search: {}}").find("asvd: it treats whole weights") != std::string::npos);
  CHECK(error_of("{method: smoothquant, weights: keep}, {method: rtn, bits: 8, group: row, scheme: absmax, activations: int8_static}") ==
        "tiny.yaml:3:59: compress[1].method: rtn: the inputs have been rounded by smoothquant already");
  CHECK(error_of(svd + ", " + wanda + ", " + dsnot).find("dsnot: it refines whole layers, which svd split") != std::string::npos);
  const std::string at_run_time = "{method: awq, layers: all, weights: keep}", smooth = "{method: smoothquant, layers: all, weights: keep, activations: keep}";
  for (const std::string& scaling : {at_run_time, smooth}) {
    CHECK(error_of(scaling + ", " + wanda + ", " + dsnot).find("dsnot: it refines whole layers, and ") != std::string::npos);
    CHECK(error_of(scaling + ", {method: smoothquant}").find("smoothquant: it treats whole weights, and ") != std::string::npos);
    CHECK(error_of(scaling + ", " + wanda) == "");
  }
  CHECK(error_of("{method: wanda, allocation: {sensitivity: {samples: 3}}}") ==
        "tiny.yaml:3:12: compress[0]: wanda: looks at 3 samples of calibration.samples: 2");
  CHECK(error_of("{method: awq, samples: 3}") == "tiny.yaml:3:12: compress[0]: awq: looks at 3 samples of calibration.samples: 2");
  CHECK(error_of("{method: awq}") == "");  // four where there are so many
  for (const std::string& steps :
       {wanda + ", " + dsnot, wanda + ", " + rtn, svd + ", " + rtn, svd + ", " + wanda + ", " + rtn,
        std::string("{method: smoothquant, weights: keep, activations: int8}, {method: gptq}"),
        std::string("{method: awq, weights: keep}, {method: wanda}, {method: dsnot}, {method: gptq}"),
        std::string("{method: laser, blocks: [0]}, {method: laser, blocks: [1]}")})
    CHECK(error_of(steps) == "");
}

TEST_CASE("what cannot fit the model's context is said before any work", "[run][config]") {
  const TinyBench bench;
  const auto error_of = [&](const std::string& task, size_t context) -> std::string {
    try {
      bench.run_in("short", bench.config("tasks: [" + task + "]\nengine: {max_length: " + std::to_string(context) + "}\n"));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(error_of("gsm8k", 256) == "task gsm8k: max_tokens 256 leaves no room in the model's context of 256");
  CHECK(error_of("wikitext2", 2047) == "task wikitext2: windows of 2048 tokens do not fit the model's context of 2047");
  CHECK(!std::filesystem::exists(bench.folder.path() + "/short"));
}

TEST_CASE("every config that comes with the program is right", "[run][config]") {
  size_t configs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(home_path("configs"))) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".yaml") || entry.path().filename() == "models.yaml") continue;
    CAPTURE(path);
    if (path.find("/suites/") != std::string::npos)
      CHECK_NOTHROW(read_suite(path, {}));
    else
      CHECK_NOTHROW(read_run_config(path, {}));
    ++configs;
  }
  CHECK(configs >= 3);
}
