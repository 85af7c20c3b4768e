// A task file read into typed fields, once. The schema is that of lm-evaluation-harness; keys that
// need Python, or that this program does not run, are refused with the reason.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/document.h"
#include "datasets/row_files.h"
#include "harness/scorer/scorer.h"
#include "tasks/answer_match.h"
#include "tasks/field.h"
#include "tasks/filters.h"
#include "tasks/task.h"
#include "tasks/task_file.h"
#include "tasks/transforms.h"

namespace evalharness {

// How the examples before a question are chosen and written; unset fields are the task's own.
struct FewshotConfig {
  // Drawn at random, document after document; drawn by the document's own key; the first of the pool.
  enum class Sampler { kDefault, kKeyed, kFirstN };
  size_t count = 0;
  std::string count_place, indices_place;  // "t.yaml:9:14: num_fewshot": where the file says so
  Sampler sampler = Sampler::kDefault;
  std::vector<size_t> indices;    // of the pool's rows; empty: all
  std::vector<Document> samples;  // written in the task file; used where there is no split
  std::string split;              // of the pool; "" where the examples are `samples`
  Transforms transforms;          // of the pool's rows
  bool drop_document = false;  // the document asked about may be in the pool and must not be shown
  std::optional<Field> doc_to_text, doc_to_target, doc_to_choice, gen_prefix;
  std::string target_delimiter, fewshot_delimiter;
};

struct GenerationConfig {
  std::vector<std::string> until;
  size_t max_tokens = 256;
  double temperature = 0;  // 0: greedy
  size_t top_k = 50;       // Hugging Face's default
  double top_p = 1;
  size_t samples = 1;
  uint64_t seed = 0;
};

struct MetricConfig {
  std::string name, aggregation;
  bool higher_is_better = true;
  AnswerMatch match;  // of exact_match
};

struct TaskConfig {
  enum class Kind { kMultipleChoice, kLogLikelihood, kRolling, kGenerate, kAgreement, kPerplexity };
  Kind kind = Kind::kGenerate;
  std::string name, split, source_hash;
  std::string dataset_path, dataset_name, dataset_place;  // as on Hugging Face; where the file says so
  RowFiles files;             // of dataset_path: json
  std::string other_files;    // the place of a dataset_kwargs that chooses other files; "" if none
  std::string version = "0";  // metadata.version
  std::string place;          // of the task file, for errors
  Transforms transforms;      // of the dataset's rows
  std::optional<Field> doc_to_text, doc_to_target, doc_to_choice, description, gen_prefix;
  // kRolling: the text whose words and bytes count, where that is not the one that is scored.
  std::optional<Field> counted_text;
  bool gen_prefix_is_bare = false;  // there is one, and it ends in no whitespace, whatever it renders to
  std::string target_delimiter, fewshot_delimiter;
  FewshotConfig fewshot;
  GenerationConfig generation;
  std::vector<FilterChain> filters;
  std::vector<MetricConfig> metrics;

  // kPerplexity: the texts of the first `max_documents` (0: all) joined, cut and scored as
  // `protocol` says.
  std::string join, protocol_id;
  size_t max_documents = 0;
  Protocol protocol;
};

TaskConfig read_task_config(const TaskFile& file);
// What every kind says of itself: one metric key for each filter and metric.
TaskInfo info_of(const TaskConfig& config);
TaskPtr make_task(TaskConfig config, const TaskOptions& options);

}  // namespace evalharness
