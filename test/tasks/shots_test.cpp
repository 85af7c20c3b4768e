// Tasks with fixed examples or none against what lm-evaluation-harness asks about the real data (or the bundled samples), and
// what its filters make of made-up answers: test/golden/shots.json, made by test/golden/make_shots_goldens.py with lm-eval 0.4.13.

#include <catch2/catch.hpp>

#include "datasets/dataset.h"
#include "harness/base/text.h"
#include "tasks/task.h"
#include "test/support/environment.h"
#include "test/support/golden.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

constexpr size_t kAsked = 16, kScored = 8;  // documents whose prompts, and answers, the goldens hold

std::vector<Document> documents_of(Task& task, const DataOptions& options) {
  const TaskInfo& info = task.info();
  const Dataset shots = info.fewshot_split.empty() ? Dataset{} : load_dataset(info.dataset, info.fewshot_split, options);
  return task.documents(load_dataset(info.dataset, info.split, options), shots, kAsked).asked;
}

std::string prompt_of(const Request& request) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) return cat(pair->context, '\0', pair->target);
  return std::get<Generate>(request).context;
}

void check_generation(const Generate& request, const Value& expected) {
  std::vector<std::string> until;
  for (const Value& stop : expected.find("until")->list()) until.push_back(stop.string());
  CHECK(request.until == until);
  CHECK(request.max_tokens == static_cast<size_t>(expected.find("max_tokens")->integer()));
  CHECK(request.samples == expected.find("answers")->list()[0].list().size());
}

void check_scores(const Task& task, const Document& document, const Value& expected, const Value::List& texts, size_t d) {
  Answer answer;
  for (const Value& text : expected.find("answers")->list()[d].list())
    answer.texts.push_back(texts[static_cast<size_t>(text.integer())].string());
  const std::vector<Item> items = task.score(document, {answer});
  CHECK(items.size() == expected.find("filtered")->map().size());
  for (const Item& item : items) {
    const std::string filter = item.metric.substr(item.metric.find(',') + 1);
    INFO(filter);
    CHECK(item.answer == expected.find("filtered")->find(filter)->list()[d].string());
    CHECK(item.value == expected.find("exact_match")->find(filter)->list()[d].number());
  }
}

// Made-up answers for a task, else for its family.
const Value::List& texts_for(const std::string& name, const Value& texts) {
  const Value* const own = texts.find(name);
  return (own != nullptr ? own : texts.find(name.substr(0, name.find('_'))))->list();
}

void check_task(const std::string& name, const Value& expected, const Value& texts, const DataOptions& options) {
  INFO(name);
  const TaskPtr task = make_task(name);
  const std::vector<Document> documents = documents_of(*task, options);
  std::vector<std::string> prompts;
  for (const Document& document : documents) prompts.push_back(prompt_of(task->requests(document).at(0)));
  CHECK(sha256_hex(prompts.front()) == expected.find("first")->string());
  CHECK(sha256_hex(join(prompts, std::string_view("\0", 1))) == expected.find("all")->string());
  if (expected.find("answers") == nullptr) return;
  check_generation(std::get<Generate>(task->requests(documents.front()).at(0)), expected);
  for (size_t d = 0; d < kScored; ++d) {
    INFO(documents[d].where());
    check_scores(*task, documents[d], expected, texts_for(name, texts), d);
  }
}

}  // namespace

TEST_CASE("tasks with fixed examples or none ask and score as lm-eval does", "[golden][tasks]") {
  if (!required("EVALHARNESS_DATA")) return;
  const Value all = golden("shots.json");
  for (const auto& [name, expected] : all.find("tasks")->map()) {
    // The examples of gsm8k_cot and lambada_standard: below on the samples, and here where they were fetched.
    if (!name.starts_with("bbh_") && !is_here(make_task(name)->info().dataset)) continue;
    check_task(name, expected, *all.find("texts"), {.offline = true, .allow_sample = false});
  }
}

TEST_CASE("GSM8K by steps and the original LAMBADA ask and score as lm-eval does, on the bundled samples", "[tasks]") {
  const TemporaryFolder nothing;
  const EnvironmentVariable data("EVALHARNESS_DATA", nothing.path());
  const EnvironmentVariable cache("EVALHARNESS_CACHE", nothing.path());
  const Value all = golden("shots.json");
  for (const auto& [name, expected] : all.find("samples")->map())
    check_task(name, expected, *all.find("texts"), {.offline = true});
}

TEST_CASE("BIG-Bench Hard is asked in four ways, its examples and what is said first taken from the data", "[tasks]") {
  const TemporaryFolder nothing;  // the bundled sample, whatever data this machine has
  const EnvironmentVariable data("EVALHARNESS_DATA", nothing.path());
  const EnvironmentVariable cache("EVALHARNESS_CACHE", nothing.path());
  const auto prompt = [](const std::string& name) {
    const TaskPtr task = make_task(name);
    const Dataset shots = load_dataset(task->info().dataset, "shots", {.offline = true});
    const Dataset rows = load_dataset(task->info().dataset, "test", {.offline = true});
    return prompt_of(task->requests(task->documents(rows, shots, 1).asked.at(0)).at(0));
  };
  const std::string description = "Count the things that are named.\n\n";
  const std::string question = "Q: I have a lamp, two spoons and a carpet. How many objects do I have?\nA:";
  const std::string by_steps = " Let's think step by step.";
  CHECK(prompt("bbh_zeroshot_object_counting") == description + question);
  CHECK(prompt("bbh_cot_zeroshot_object_counting") == description + question + by_steps);
  CHECK(prompt("bbh_fewshot_object_counting") ==
        description + "Q: I have a kettle, three plates and two forks. How many objects do I have?\nA: 6\n\n" +
            "Q: I have two horses, a cat and a mouse. How many animals do I have?\nA: 4\n\n" +
            "Q: I have four carrots, a pear, and two cabbages. How many vegetables do I have?\nA: 6\n\n" + question);
  const std::string cot = prompt("bbh_cot_fewshot_object_counting");
  CHECK(cot.starts_with(description + "Q: I have a kettle, three plates and two forks. How many objects do I have?\n" +
                        "A: Let's think step by step.\nThere are 1 kettle, 3 plates and 2 forks.\n" +
                        "That is 1 + 3 + 2 = 6. So the answer is 6.\n\nQ: I have two horses"));
  CHECK(cot.ends_with("That is 4 + 2 = 6. So the answer is 6.\n\n" + question + by_steps + "\n"));
}

TEST_CASE("the protocol of a task that draws texts says how", "[tasks]") {
  CHECK(make_task("gsm8k_cot_self_consistency")->info().protocol ==
        "lm-eval 2.0, 64 texts at temperature 0.2 (top_k 50, top_p 1, seed 0)");
  CHECK(make_task("gsm8k_cot")->info().protocol == "lm-eval 3.0");
}
