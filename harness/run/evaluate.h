// Tasks asked of a scorer, unit by unit, with every answer in the journal before the next unit starts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/metrics/item.h"
#include "harness/result/journal.h"
#include "harness/result/run_result.h"
#include "harness/run/run_config.h"
#include "harness/scorer/scorer.h"

namespace evalharness {

// A task with its documents and all that will be asked about them. Made before any model is loaded.
struct TaskData {
  Dataset data;
  std::vector<Document> documents;
  std::vector<Request> requests;
  std::vector<size_t> first_request;  // of each document, and one past the last
  std::string prompts_hash;           // sha256 over the requests, in order
};
TaskData prepare_task(const RunTask& config, const DataOptions& options);

// sha256 of all that a request asks.
std::string request_hash(const Request& request);

struct Evaluation {
  TaskResult result;
  std::map<std::string, std::vector<Item>> items;  // metric -> an item a document (window), in order
};

// Who answers, as the journal and the progress line name it.
struct Subject {
  std::string variant, backend;  // "dense", "cpu"
};

// Answers that the journal holds are not asked for again. Throws Interrupted between units when
// interrupt_requested().
Evaluation evaluate(const RunTask& config, const TaskData& data, Scorer& scorer, Journal& journal,
                    const Subject& subject);

// Metrics of both variants, document by document.
std::vector<PairResult> compare_evaluations(const RunTask& config, const std::string& backend,
                                            const Evaluation& dense, const Evaluation& compressed);

}  // namespace evalharness
