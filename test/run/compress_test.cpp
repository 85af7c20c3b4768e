// A compressed model saved, and run from its folder.
#include "harness/run/compress.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/model/packed.h"
#include "harness/model/safetensors.h"
#include "harness/run/bench.h"
#include "harness/run/plan.h"
#include "test/support/golden.h"
#include "test/support/json_schema.h"
#include "test/support/tiny_bench.h"

using namespace evalharness;

namespace {

const std::string kTasks =
    "tasks: [wikitext2, piqa, gsm8k]\nlimits: {wikitext2: 1, piqa: 3, gsm8k: 1}\n";
const std::string kWanda =
    "compress: [{method: wanda, sparsity: 0.5}]\n"
    "calibration: {dataset: c4, samples: 2, length: 64, seed: 0}\n";

RunResult compress_to(const TinyBench& bench, const std::string& name, const std::string& config) {
  return compress(read_run_config(config, {}),
                  {.folder = bench.folder.path(name), .offline = true});
}

std::map<std::string, TaskResult> answers(const RunResult& result, size_t variant) {
  std::map<std::string, TaskResult> tasks = result.variants.at(variant).backends.at(0).tasks;
  for (auto& [name, task] : tasks) task.seconds = 0;
  return tasks;
}

std::string data_bytes(const std::string& path) {
  const MappedFile file(path);
  size_t end = 0;
  for (const auto& [name, tensor] : parse_safetensors(file.bytes(), path))
    end += tensor.bytes.size();
  return cat(end);
}

}  // namespace

TEST_CASE("what dsnot grows back is the weight that its pruning step saw", "[run][methods][dsnot]") {
  const TinyBench bench;
  const std::string text = "dtype: f32\ncalibration: {dataset: c4, samples: 2, length: 64, seed: 0}\n";
  const std::string smooth = "{method: smoothquant, weights: keep, activations: keep}";
  const std::string dsnot = "{method: wanda, sparsity: 0.5}, {method: dsnot, layers: all, threshold: 0, max_cycles: 3}";
  compress_to(bench, "smooth", bench.config(text + "compress: [" + smooth + "]\n"));
  const RunResult made = compress_to(bench, "refined", bench.config(text + "compress: [" + smooth + ", " + dsnot + "]\n"));
  CHECK(to_json(made.steps.at(2).details).find("regrown_weights\":0") == std::string::npos);
  const Model before = load_model(*open_checkpoint(bench.folder.path("smooth")), Dtype::f32);
  const Model refined = load_model(*open_checkpoint(bench.folder.path("refined")), Dtype::f32);
  for (size_t b = 0; b < before.blocks.size(); ++b)
    for (const Linear linear : kLinears) {
      const Matrix w = before.blocks[b].slot(linear).op->to_dense(), kept = refined.blocks[b].slot(linear).op->to_dense();
      for (size_t i = 0; i < w.size(); ++i) REQUIRE((kept.values()[i] == 0 || kept.values()[i] == w.values()[i]));
    }
  // So behind a dsnot that changes nothing.
  const std::string twice = "{method: wanda, sparsity: 0.5}, {method: dsnot, max_cycles: 0}, {method: dsnot, layers: all, threshold: 0, max_cycles: 3}";
  compress_to(bench, "once", bench.config(text + "compress: [" + dsnot + "]\n"));
  compress_to(bench, "twice", bench.config(text + "compress: [" + twice + "]\n"));
  CHECK(read_text(bench.folder.path("twice/model.safetensors")) == read_text(bench.folder.path("once/model.safetensors")));
}

TEST_CASE("a pattern that does not fit the factors of the step before is refused before anything runs", "[run][packed]") {
  const TinyBench bench;
  // There is no such text: it is not looked for.
  const std::string steps =
      "compress: [{method: svd, rank: 5}, {method: wanda, pattern: 2:4}]\ncalibration: {dataset: c4, samples: 100000, length: 64}\n";
  CHECK_THROWS_WITH(compress_to(bench, "both", bench.config(steps)),
                    "pattern 2:4 does not fit model.layers.0.self_attn.q_proj: its 5 inputs are no multiple of 4; a sparsity fits");
  CHECK_THROWS_WITH(plan_text(read_run_config(bench.config(steps), {}), true), Catch::Contains("pattern 2:4 does not fit"));
  CHECK_THROWS_WITH(bench.run_in("run", bench.config(steps + "tasks: [piqa]\n")), Catch::Contains("pattern 2:4 does not fit"));
  CHECK(!std::filesystem::exists(bench.folder.path("run")));
}

TEST_CASE("the shape that a config gives a model is that of its weights", "[run][packed]") {
  const TinyBench bench;
  compress_to(bench, "pruned", bench.config(kWanda));
  const auto checkpoint = open_checkpoint(bench.folder.path("pruned"));
  const ModelShape loaded = shape_of(load_model(*checkpoint, Dtype::bf16)), foreseen = dense_shape(checkpoint->config(), Dtype::bf16);
  REQUIRE(loaded.layers.size() == kLinears.size() * loaded.blocks);
  REQUIRE(foreseen.layers.size() == loaded.layers.size());
  for (size_t i = 0; i < loaded.layers.size(); ++i) {
    CHECK(foreseen.layers[i].name == loaded.layers[i].name);
    CHECK(foreseen.layers[i].leaves == loaded.layers[i].leaves);
  }
}

TEST_CASE("a step that the packed model cannot take is refused before the dense model is asked", "[run][packed]") {
  const TinyBench bench;
  compress_to(bench, "rounded", bench.config("compress: [{method: rtn, bits: 4, group: 16}]\n"));
  CHECK_THROWS_WITH(bench.run_in("both", bench.config(kWanda + kTasks, "rounded")),
                    "wanda: it would lose the codes of what the model went through: expected before it");
  CHECK(!std::filesystem::exists(bench.folder.path("both")));
}

TEST_CASE("a saved model answers as the run that compressed it did", "[run][packed]") {
  const TinyBench bench;
  const RunResult whole = bench.run_in("whole", bench.config(kWanda + kTasks));
  const RunResult made = compress_to(bench, "saved", bench.config(kWanda));
  const RunResult loaded = bench.run_in("loaded", bench.config(kTasks, "saved"));
  REQUIRE(loaded.variants.size() == 2);
  CHECK(answers(loaded, 0) == answers(whole, 0));  // the original is here: it is the dense variant
  CHECK(answers(loaded, 1) == answers(whole, 1));
  CHECK(loaded.pairs == whole.pairs);
  CHECK(loaded.variants[1].size == whole.variants[1].size);
  CHECK(loaded.steps == made.steps);  // how it was made travels with it
  REQUIRE(made.steps.size() == 1);
  CHECK(made.steps[0].layers == whole.steps.at(0).layers);
  CHECK(made.steps[0].details == whole.steps.at(0).details);
}

TEST_CASE("disk bytes in the record are the bytes of the file's data", "[run][packed]") {
  const TinyBench bench;
  const RunResult made = compress_to(bench, "saved", bench.config(kWanda));
  CHECK(data_bytes(bench.folder.path("saved/model.safetensors")) ==
        cat(made.variants.at(1).size.disk_bytes));
  const Value schema = parse_json(read_text(home_path("reports/record.schema.json")), "schema");
  CHECK(schema_errors(schema, parse_json(to_json(made), "record")) == std::vector<std::string>{});
}

TEST_CASE("where the original is gone the dense cells are empty with the reason", "[run][packed]") {
  const TinyBench bench;
  const RunResult made = compress_to(bench, "saved", bench.config(kWanda));
  std::filesystem::rename(bench.folder.path("model"), bench.folder.path("elsewhere"));
  const RunResult loaded =
      bench.run_in("loaded", bench.config(kTasks + "speed: [{prefill: 16}]\n", "saved"));
  REQUIRE(loaded.variants.size() == 2);
  const std::string reason =
      cat("the dense model, ", bench.folder.path("model"), ", is not on this machine");
  CHECK(loaded.variants[0].backends.at(0).unavailable == reason);
  CHECK(loaded.variants[0].backends.at(0).tasks.empty());
  CHECK(loaded.variants[0].size == made.variants.at(0).size);
  CHECK(loaded.variants[1].size.compression_ratio == made.variants.at(1).size.compression_ratio);
  CHECK(loaded.pairs.empty());
  const SpeedResult& speed = loaded.variants[1].backends.at(0).speed.at(0);
  CHECK(speed.tokens_per_second.value.has_value());
  CHECK(speed.speedup == Estimate::missing(reason));
}

TEST_CASE("another model under the original's name is not taken for it", "[run][packed]") {
  const TinyBench bench;
  compress_to(bench, "saved", bench.config(kWanda));
  write_tiny_folder(bench.folder.path("model"), {.seed = 1, .context = 2048});
  const RunResult loaded = bench.run_in("loaded", bench.config(kTasks, "saved"));
  CHECK(loaded.variants.at(0).backends.at(0).unavailable ==
        cat(bench.folder.path("model"), " is another model now than the one that was compressed"));
}

TEST_CASE("a saved model is compressed on, planned and timed", "[run][packed]") {
  const TinyBench bench;
  const RunResult made = compress_to(bench, "pruned", bench.config(kWanda));
  const std::string rtn = "compress: [{method: rtn, bits: 8, group: row}]\n";
  const RunResult again = compress_to(bench, "rounded", bench.config(rtn, "pruned"));
  REQUIRE(again.steps.size() == 2);
  CHECK(again.steps[0] == made.steps.at(0));
  CHECK(again.variants.at(0) == made.variants.at(0));  // the dense model of both
  CHECK(packed_source(bench.folder.path("rounded")).model == bench.folder.path("model"));

  const RunConfig config = read_run_config(bench.config(kTasks, "pruned"), {});
  CHECK(plan_text(config, true).find("each of 2 variants") != std::string::npos);
  const BenchReport timed = evalharness::bench({.model = bench.folder.path("pruned"),
                                                .formats = {},
                                                .prefill = {8},
                                                .decode = {},
                                                .seconds = 0.01,
                                                .offline = true});
  REQUIRE(timed.rows.size() == 1);
  CHECK(timed.rows[0].format == "sparse.bitmask.bf16");
  CHECK(timed.rows[0].weight_bytes == double(made.variants.at(1).size.disk_bytes));
}

TEST_CASE("what cannot be saved or loaded is one line", "[run][packed]") {
  const TinyBench bench;
  CHECK_THROWS_WITH(compress_to(bench, "saved", bench.config("")),
                    "tiny: neither compress: nor head:, so there is nothing to save");
  compress_to(bench, "saved", bench.config(kWanda));
  CHECK_THROWS_WITH(compress_to(bench, "saved", bench.config(kWanda)),
                    bench.folder.path("saved") + ": holds a model already; name another --out");
  CHECK_THROWS_WITH(bench.run_in("f32", bench.config("dtype: f32\n", "saved")),
                    bench.folder.path("saved") + ": saved in dtype bf16, cannot run in f32");
}

TEST_CASE("the default model saved after RTN answers as before", "[golden][packed]") {
  const auto path = required("EVALHARNESS_TEST_MODEL");
  if (!path) return;
  const TemporaryFolder folder;
  const std::string config =
      write_file(folder.path("rtn.yaml"),
                 cat("model: ", *path, "\ncompress: [{method: rtn, bits: 4, group: 64}]\n"));
  const RunResult made =
      compress(read_run_config(config, {}), {.folder = folder.path("saved"), .offline = true});
  CHECK(data_bytes(folder.path("saved/model.safetensors")) ==
        cat(made.variants.at(1).size.disk_bytes));

  const std::vector<Request> requests = {
      LogLikelihood{"The capital of France is", " Paris"},
      LogLikelihood{"2 + 2 =", " 4, as every child knows"},
      Generate{.context = "Once upon a time", .until = {}, .max_tokens = 12}};
  const auto answers_of = [&](const std::string& model_path, bool rounds) {
    const auto tokenizer = open_tokenizer(model_path);
    Model model = load_model(*open_checkpoint(model_path), Dtype::bf16);
    const auto backend = make_cpu_backend({});
    if (rounds)
      read_run_config(config, {}).methods.at(0)->compress(model, Calibration({}, *backend));
    Transformer transformer(model, *backend);
    ModelScorer scorer(transformer, *tokenizer, {});
    std::vector<Answer> all(requests.size());
    for (const Unit& unit : scorer.plan(requests)) {
      std::vector<Answer> part = scorer.answer(requests, unit);
      for (size_t i = 0; i < part.size(); ++i) all[unit.requests[i]] = part[i];
    }
    return all;
  };
  const std::vector<Answer> before = answers_of(*path, true),
                            after = answers_of(folder.path("saved"), false);
  for (size_t i = 0; i < requests.size(); ++i) {
    CHECK(after[i].token_log_probs == before[i].token_log_probs);
    CHECK(after[i].texts == before[i].texts);
  }
  CHECK(open_tokenizer(folder.path("saved"))->hash() == open_tokenizer(*path)->hash());
}
