// What is asked of a model about a document, and how the answers score. A task never sees a model
// or a token: requests and answers are text and numbers (harness/scorer/scorer.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "datasets/row_files.h"
#include "harness/metrics/item.h"
#include "harness/scorer/scorer.h"
#include "tasks/chat.h"
#include "tasks/limit.h"

namespace evalharness {

struct TaskInfo {
  std::string name;
  std::string dataset;        // of datasets/, by name; "json": `files`
  RowFiles files;
  std::string split;          // evaluated
  std::string fewshot_split;  // "" if none
  size_t num_fewshot = 0;
  std::string protocol;  // "lm-eval 3.0", "wikitext2-2048": printed beside the number
  std::string version;
  std::string source_hash;  // of the task file with what it includes
  // For each metric key: how items are aggregated and which way is better.
  struct Metric {
    std::string key;
    std::string aggregation;  // of harness/metrics/aggregate.h
    bool higher_is_better = true;
  };
  std::vector<Metric> metrics;
  // No model's answers score by themselves: those of a compressed model are compared with the dense one's
  // (harness/run/agreement.h). Then there are no metrics here, each document asks for one text, and score() gives nothing.
  bool agreement = false;
};

class Task {
 public:
  virtual ~Task() = default;
  virtual const TaskInfo& info() const = 0;
  // Prompts are written so from now on, and info().protocol says it. Running text stays as it is.
  virtual void use_chat(const Chat&) {}
  // Documents in the order they are asked about. Of a perplexity the limit counts windows, and
  // the first are taken. `fewshot` holds the rows of info().fewshot_split (empty where that is ""). Draws
  // of shots are made here, one document after another, as lm-evaluation-harness does; those of a
  // random subset are what they are among all documents. Must be called before requests().
  virtual TaskDocuments documents(const Dataset& data, const Dataset& fewshot,
                                  const Limit& limit) = 0;
  // Contexts keep their trailing whitespace and targets their leading: it moves from one to the
  // other when the engine encodes the pair.
  virtual std::vector<Request> requests(const Document& doc) const = 0;
  // An item for each of info().metrics, in that order; of a perplexity one for each window. A value
  // that is not a number says that the model diverged.
  virtual std::vector<Item> score(const Document& doc,
                                  const std::vector<Answer>& answers) const = 0;
  // What lm-evaluation-harness logs as the document's target: an index, a text, or several.
  virtual Value target(const Document& doc) const = 0;
};
using TaskPtr = std::unique_ptr<Task>;

// What a run changes in its tasks.
struct TaskOptions {
  bool keyed_fewshot = false;  // as `fewshot_config: {sampler: keyed}` in every task that draws
};

// A task by name (tasks/<name>.yaml) or by the path of a .yaml file. Fails with the nearest name.
TaskPtr make_task(const std::string& name_or_path, const TaskOptions& options = {});
// From YAML text; `name` stands in errors and is the place that includes are relative to.
TaskPtr parse_task(const std::string& yaml, const std::string& name);
std::vector<std::string> task_names();
std::string tasks_directory();  // of the task files that come with the program

}  // namespace evalharness
