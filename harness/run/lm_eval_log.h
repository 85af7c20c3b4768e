// What lm-evaluation-harness leaves behind, in its own form, so that viewers and scripts made for it work on a run of
// ours: `samples_<task>.jsonl`, a line for each document and filter with the hashes of document, prompt and target, and
// `results.json`.
#pragma once

#include <fstream>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/base/sha256.h"
#include "harness/metrics/item.h"
#include "harness/result/run_result.h"
#include "tasks/task_group.h"

namespace evalharness {

// One task's sample log, written as documents are scored.
class SampleLog {
 public:
  // Writes `folder`/samples_<task>.jsonl anew.
  SampleLog(const std::string& folder, const Task& task);
  // `id`: the document's row in its split. `items`: the document's scores, all filters; none of a task of agreement, whose
  // answers make a line without metrics.
  void add(size_t id, const Document& document, std::span<const Request> requests, std::span<const Answer> answers,
           std::span<const Item> items);
  // sha256 over the hashes of all samples, as lm-evaluation-harness identifies what it ran on.
  std::string hash() const;

 private:
  const Task& task_;  // outlives this
  std::string path_;
  Sha256 hashes_;
  std::ofstream file_;
};

// One task of a results file.
struct LoggedTask {
  const Task* task;
  const TaskResult* result;
  std::string samples_hash;  // "" where there is no sample log
};
struct LoggedGroup {
  const TaskGroup* group;
  const TaskResult* total;
};
// The text of results.json.
std::string lm_eval_results(const std::string& model, std::span<const LoggedTask> tasks,
                            std::span<const LoggedGroup> groups = {});

// The document as lm-evaluation-harness has it: without the columns that transforms named "_...".
Value logged_document(const Document& document);

}  // namespace evalharness
