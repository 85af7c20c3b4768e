// Tasks asked of a scorer, unit by unit, with every answer in the journal before the next unit starts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/base/progress.h"
#include "harness/metrics/item.h"
#include "harness/result/journal.h"
#include "harness/result/run_result.h"
#include "harness/run/run_config.h"
#include "harness/scorer/scorer.h"

namespace evalharness {

// A task with its documents. Made before any model is loaded. What is asked about them is made when it is asked, some
// documents at a time: prompts with worked examples are much longer than documents.
struct TaskData {
  Dataset data;  // without its documents
  TaskDocuments documents;
  size_t requests = 0;
  std::string prompts_hash;          // sha256 over the requests, in order
  std::optional<Protocol> protocol;  // of a task that scores running text
};
inline constexpr size_t kAnyContext = SIZE_MAX;  // where nothing will be asked
// `context`: the longest sequence of the model that will be asked. Fails where a request cannot fit it.
TaskData prepare_task(const RunTask& config, const DataOptions& options, size_t context);

// sha256 of all that a request asks.
std::string request_hash(const Request& request);

// Puts what a unit gave for a request to what there is of its answer: windows of a Rolling one follow each other.
void add_part(Answer& whole, Answer part, const Unit& unit);

// What a piece of work adds to a progress line, once it is done.
struct ProgressShare {
  Progress& progress;
  size_t amount;
};
// Answers to the requests, in their order; those that the journal holds are not asked for again. `first_request`: index of
// the first among all that the task asks. Throws Interrupted between units when interrupt_requested().
std::vector<Answer> answer_requests(std::span<const Request> requests, size_t first_request, Scorer& scorer, Journal& journal,
                                    JournalKey key, ProgressShare share);

struct Evaluation {
  TaskResult result;
  std::string samples_hash;                        // of the sample log; "" where there is none
  std::map<std::string, std::vector<Item>> items;  // metric -> an item a document (window), in order
};

// Who answers, as the journal and the progress line name it.
struct Subject {
  std::string variant, backend;  // "dense", "cpu"
  std::string samples = "";      // folder of the sample log; "" for none
  std::string place = "";        // among the tasks of the run, for the line of progress: "3/27"
};

// Answers go by answer_requests().
Evaluation evaluate(const RunTask& config, const TaskData& data, Scorer& scorer, Journal& journal,
                    const Subject& subject);

// Metrics of both variants, document by document.
std::vector<PairResult> compare_evaluations(const RunTask& config, const std::string& backend,
                                            const Evaluation& dense, const Evaluation& compressed);

}  // namespace evalharness
