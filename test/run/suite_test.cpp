// A suite of tiny runs: what is computed, what is not computed again, what fails.
#include "harness/run/suite.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "harness/base/mapped_file.h"
#include "test/support/tiny_bench.h"

using namespace evalharness;

namespace {

struct SuiteBench : TinyBench {
  Suite suite(const std::string& cells) const {
    return read_suite(write_file(folder.path("tiny_suite.yaml"),
                                 cat("base:\n  model: ", folder.path("model"),
                                     "\n  calibration: {dataset: c4, samples: 2, length: 64}\n"
                                     "  tasks: [lambada_openai, piqa]\n"
                                     "  limits: {lambada_openai: 3, piqa: 3}\n",
                                     "cells:\n", cells)),
                      {});
  }
  std::vector<SweptCell> sweep_all(const std::string& cells) const {
    return sweep(
        suite(cells),
        {.folder = folder.path("swept"), .offline = true, .answers = folder.path("answers")},
        [](const SweptCell&) {});
  }
};

const std::string kMagnitude =
    "  magnitude: {compress: [{method: magnitude, sparsity: 0.5}]}\n";
const std::string kWandaCell = "  wanda: {compress: [{method: wanda, sparsity: 0.5}]}\n";
const std::string kRagged = "  ragged: {compress: [{method: magnitude, pattern: 3:16}]}\n";

size_t files_in(const std::string& folder) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files += entry.is_regular_file();
  return files;
}

}  // namespace

TEST_CASE("a finished cell is not computed again, and one that changed is", "[run][suite]") {
  const SuiteBench bench;
  const std::vector<SweptCell> first = bench.sweep_all(kMagnitude + kWandaCell);
  REQUIRE(first.size() == 2);
  CHECK(first[0].record.status == "ok");
  CHECK(!first[0].reused);
  CHECK(first[1].record.name == "wanda");

  const std::string changed =
      "  magnitude: {compress: [{method: magnitude, sparsity: 0.6}]}\n";
  const std::vector<SweptCell> second = bench.sweep_all(changed + kWandaCell);
  CHECK(!second[0].reused);
  CHECK(second[0].folder != first[0].folder);
  CHECK(second[1].reused);
  CHECK(second[1].record == first[1].record);
  CHECK(std::filesystem::exists(first[0].folder + "/record.json"));  // nothing is thrown away

  bench.suite(kWandaCell);  // writes the file
  const Suite limited = read_suite(bench.folder.path("tiny_suite.yaml"), {.set = {}, .limit = {"2"}});
  const SweepOptions options = {.folder = bench.folder.path("swept"), .offline = true};
  CHECK(!sweep(limited, options, [](const SweptCell&) {})[0].reused);  // other documents

  write_tiny_folder(bench.folder.path("model"), {.seed = 1, .context = 2048});
  CHECK(!bench.sweep_all(kWandaCell)[0].reused);  // another model under the same name
}

TEST_CASE("a finished cell whose task asks otherwise now is computed again", "[run][suite]") {
  const SuiteBench bench;
  const auto reused = [&](const std::string& question) {
    const std::string task = write_file(bench.folder.path("mine.yaml"),
                                        "task: mine\ndataset_path: piqa\nvalidation_split: validation\noutput_type: multiple_choice\n"
                                        "doc_to_text: '" + question + "{{goal}}'\ndoc_to_target: label\n"
                                        "doc_to_choice: '{{[sol1, sol2]}}'\n");
    return bench.sweep_all("  own: {tasks: [" + task + "], limits: {mine: 2}, compress: [{method: magnitude}]}\n")[0].reused;
  };
  CHECK(!reused("Q: "));
  CHECK(reused("Q: "));
  CHECK(!reused("Question: "));
}

TEST_CASE("a cell that fails is a row, the others run, and it is tried again", "[run][suite]") {
  const SuiteBench bench;
  const std::vector<SweptCell> cells = bench.sweep_all(kRagged + kMagnitude);
  REQUIRE(cells.size() == 2);
  CHECK(cells[0].record.status.starts_with("failed: "));
  CHECK(cells[1].record.status == "ok");
  const std::vector<SweptCell> again = bench.sweep_all(kRagged + kMagnitude);
  CHECK(!again[0].reused);
  CHECK(again[1].reused);
}

TEST_CASE("a cell that was killed goes on from its journal", "[run][suite][journal]") {
  const SuiteBench bench;
  const SweptCell whole = bench.sweep_all(kWandaCell)[0];
  std::filesystem::remove(whole.folder + "/record.json");
  const std::string journal = read_text(whole.folder + "/journal.jsonl");
  write_file(whole.folder + "/journal.jsonl", journal.substr(0, journal.size() * 3 / 4));
  const SweptCell resumed = bench.sweep_all(kWandaCell)[0];
  CHECK(!resumed.reused);
  CHECK(timeless(resumed.record) == timeless(whole.record));
}

TEST_CASE("the dense model is asked once for all cells", "[run][suite][cache]") {
  const SuiteBench bench;
  const std::vector<SweptCell> cells = bench.sweep_all(kMagnitude + kWandaCell);
  CHECK(files_in(bench.folder.path("answers")) == 2);  // one a task
  const Variant& asked = cells[0].record.variants.at(0);
  const Variant& recalled = cells[1].record.variants.at(0);
  CHECK(asked.backends[0].tasks.at("piqa").metrics ==
        recalled.backends[0].tasks.at("piqa").metrics);
  CHECK(recalled.backends[0].peak_memory_bytes ==
        0);  // nothing was answered, so nothing was measured
  CHECK(recalled.backends[0].tasks.at("piqa").seconds == 0);

  // What the cache says is what the next cell takes: here, that every answer is "yes, and certain".
  for (const auto& entry : std::filesystem::directory_iterator(bench.folder.path("answers"))) {
    const std::string path = entry.path().string();
    write_file(path, replace_all(read_text(path), "\"greedy\":false", "\"greedy\":true"));
  }
  const SweptCell other =
      bench.sweep_all("  third: {compress: [{method: magnitude, sparsity: 0.4}]}\n")[0];
  const auto accuracy = [](const RunResult& record) {
    return *record.variants.at(0)
                .backends.at(0)
                .tasks.at("lambada_openai")
                .metrics.at("acc,none")
                .value;
  };
  CHECK(accuracy(cells[0].record) < 1);
  CHECK(accuracy(other.record) == 1);

  // Another dtype, another limit, another model: none of these are the same answers.
  bench.sweep_all("  f32: {dtype: f32, compress: [{method: magnitude, sparsity: 0.5}]}\n");
  CHECK(files_in(bench.folder.path("answers")) == 4);
  bench.sweep_all(
      "  two: {limits: {piqa: 2, lambada_openai: 3}, compress: [{method: magnitude, "
      "sparsity: 0.5}]}\n" +
      kWandaCell);
  CHECK(files_in(bench.folder.path("answers")) == 5);
  write_tiny_folder(bench.folder.path("model"), {.seed = 1, .context = 2048});
  bench.sweep_all(kMagnitude);
  CHECK(files_in(bench.folder.path("answers")) == 7);
}

TEST_CASE("a run without a folder for answers keeps none", "[run][cache]") {
  const TinyBench bench;
  const RunResult first = bench.run_in("a", bench.config("tasks: [piqa]\nlimits: {piqa: 2}\n"));
  CHECK(first.variants.at(0).backends.at(0).peak_memory_bytes > 0);
  CHECK(!std::filesystem::exists(bench.folder.path("cache/answers")));
}

TEST_CASE("--set replaces a key of the base in every cell", "[run][suite][config]") {
  const SuiteBench bench;
  bench.suite(kMagnitude + kWandaCell);  // writes the file
  const Suite changed = read_suite(bench.folder.path("tiny_suite.yaml"),
                                   {.set = {"tasks=[piqa]", "limits={piqa: 2}"}, .limit = {}});
  for (const RunConfig& cell : changed.cells) {
    REQUIRE(cell.tasks.size() == 1);
    CHECK(cell.tasks[0].limit == Limit(2));
  }
}

TEST_CASE("mistakes in a suite are one line with their place, before any cell runs",
          "[run][suite][config]") {
  const SuiteBench bench;
  const auto error_of = [&](const std::string& cells) -> std::string {
    try {
      bench.suite(cells);
    } catch (const Error& error) {
      return replace_all(error.what(), bench.folder.path() + "/", "");
    }
    return "";
  };
  CHECK(error_of("  a: {compress: [{method: wanda, sparsty: 0.5}]}\n") ==
        "tiny_suite.yaml:7:43: cells.a.compress[0].sparsty: unknown key (did you mean 'sparsity'?)");
  CHECK(error_of("  a: {taks: [piqa]}\n") ==
        "tiny_suite.yaml:7:13: cells.a.taks: unknown key (did you mean 'tasks'?)");
  CHECK(error_of("  a b: {dtype: f32}\n") ==
        "tiny_suite.yaml:7:8: cells.a b: expected a name that a folder can have, without spaces, got "
        "'a b'");
  CHECK(error_of(kWandaCell + "cels: 3\n") ==
        "tiny_suite.yaml:8:7: cels: unknown key (did you mean 'cells'?)");
  CHECK(error_of("  {}\n") == "tiny_suite.yaml:7:3: cells: expected at least one cell");
}
