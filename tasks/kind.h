// What a kind of task asks and how it scores. One file each; the prompts are made in one place for
// all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tasks/prompt.h"
#include "tasks/task_config.h"

namespace evalharness {

// All functions are pure. Configuration and prompts outlive the kind.
class Kind {
 public:
  virtual ~Kind() = default;
  // Fails where a document has no right answer among its choices: before anything is asked.
  virtual void check(const Document&) const {}
  virtual std::vector<Request> requests(const Document& doc) const = 0;
  virtual std::vector<Item> score(const Document& doc,
                                  const std::vector<Answer>& answers) const = 0;
};
using KindPtr = std::unique_ptr<Kind>;

// The kind that the config names; kPerplexity is none, since its task is made as a whole.
KindPtr make_kind(const TaskConfig& config, const Prompts& prompts);

// Which of several continuations is likeliest: output_type multiple_choice.
KindPtr make_choice(const TaskConfig& config, const Prompts& prompts);
// Is this continuation what the model would write, and how likely is it: output_type loglikelihood.
KindPtr make_cloze(const TaskConfig& config, const Prompts& prompts);
// What does the model write: output_type generate_until.
KindPtr make_generate(const TaskConfig& config, const Prompts& prompts);
Generate generation_request(const TaskConfig& config, const Prompts& prompts, const Document& doc);
// What do a dense and a compressed model write: output_type agreement.
KindPtr make_agreement(const TaskConfig& config, const Prompts& prompts);
// How likely is each document: output_type loglikelihood_rolling.
KindPtr make_rolling(const TaskConfig& config);
// How likely is one long text, by windows: output_type perplexity. A task of its own, since its one
// document is made of all rows.
TaskPtr make_perplexity(TaskConfig config);

}  // namespace evalharness
