// The chain of a run on the real model and the real data, in pieces: what golden tests of methods and tasks share.
#pragma once

#include <catch2/catch.hpp>

#include <cmath>
#include <string>
#include <vector>

#include "harness/run/evaluate.h"
#include "methods/method.h"
#include "test/support/golden.h"
#include "test/support/temporary_folder.h"

namespace evalharness {

// Model and data, or nothing after saying aloud what is missing.
inline std::optional<std::string> model_and_data() {
  const auto data = required("EVALHARNESS_DATA");
  const auto model = required("EVALHARNESS_TEST_MODEL");
  return data && model ? model : std::nullopt;
}

inline constexpr DataOptions kRealData{.offline = true, .allow_sample = false};

inline RunTask task_of(const std::string& name, size_t limit) { return {.name = name, .task = make_task(name), .limit = limit}; }

// All that a task asks, and where each document's requests begin (and one past the last).
struct Asked {
  Asked(const RunTask& task, const TaskData& data) {
    for (const Document& document : data.documents.asked) {
      for (Request& request : task.task->requests(document)) requests.push_back(std::move(request));
      begin.push_back(requests.size());
    }
  }
  std::vector<Request> requests;
  std::vector<size_t> begin = {0};
};

inline std::vector<Answer> answers_of(Scorer& scorer, std::span<const Request> requests) {
  std::vector<Answer> answers(requests.size());
  for (const Unit& unit : scorer.plan(requests)) {
    std::vector<Answer> part = scorer.answer(requests, unit);
    REQUIRE(unit.windows == 0);  // a text's windows may be several units; `evaluate` joins them
    for (size_t i = 0; i < part.size(); ++i) answers[unit.requests[i]] = std::move(part[i]);
  }
  return answers;
}

inline Evaluation evaluate_real(const RunTask& task, Scorer& scorer) {
  const TemporaryFolder folder;
  Journal journal(folder.path() + "/journal.jsonl", "golden");
  return evaluate(task, prepare_task(task, kRealData, kAnyContext), scorer, journal, {.variant = "dense", .backend = "cpu"});
}

// Mean NLL of each window, in order.
inline std::vector<double> window_nlls(const Evaluation& evaluation) {
  std::vector<double> nlls;
  for (const Item& item : evaluation.items.begin()->second) nlls.push_back(-item.value / item.weight);
  return nlls;
}

inline CalibrationSet golden_calibration(const Tokenizer& tokenizer) {
  const Dataset train = load_dataset("c4", "train", kRealData);
  return draw_from_documents(train.documents, tokenizer, 16, 512, 0);
}

// Perplexity of the first `windows` windows of WikiText-2 over that of the figures [windows or more], less 1.
inline double perplexity_difference(const Model& model, const Backend& backend, const Tokenizer& tokenizer,
                                    const Value::List& expected_nlls, size_t windows) {
  Transformer transformer(model, backend);
  ModelScorer scorer(transformer, tokenizer, {});
  const std::vector<double> nlls = window_nlls(evaluate_real(task_of("wikitext2", windows), scorer));
  double difference = 0;
  for (size_t w = 0; w < windows; ++w) difference += (nlls[w] - expected_nlls[w].number()) / static_cast<double>(windows);
  return std::exp(difference) - 1;
}

}  // namespace evalharness
