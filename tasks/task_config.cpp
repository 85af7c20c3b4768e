#include "tasks/task_config.h"

#include <algorithm>
#include <map>

#include "datasets/dataset.h"
#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/task_metrics.h"
#include "tasks/task_sections.h"

namespace evalharness {
namespace {

std::vector<FilterChain> read_filters(const TaskFile& file, TaskConfig::Kind kind, size_t samples) {
  const std::optional<ConfigNode> list = file.find("filter_list");
  if (!list) return {FilterChain::first()};
  if (list->items().empty()) list->fail("expected at least one filter, or no filter_list");
  std::vector<FilterChain> chains;
  for (const ConfigNode& item : list->items()) {
    chains.push_back(FilterChain::read(item, samples));
    const auto is_same = [&](const FilterChain& chain) { return chain.name() == chains.back().name(); };
    if (std::count_if(chains.begin(), chains.end(), is_same) > 1)
      item.fail(cat("name: there is a filter '", chains.back().name(), "' already"));
    if (kind != TaskConfig::Kind::kGenerate && !chains.back().only_takes_first())
      item.fail("log-likelihoods pass through take_first only");
  }
  return chains;
}

void read_dataset(const TaskFile& file, TaskConfig& task) {
  if (const std::optional<ConfigNode> path = file.find("dataset_path")) {
    task.dataset_path = path->as_string();
    task.dataset_place = path->place();
  }
  task.dataset_name = file.get("dataset_name", "");
  if (const std::optional<ConfigNode> options = file.find("dataset_kwargs"))
    for (const std::string& key : options->keys()) {
      const ConfigNode option = options->at(key);
      if (key == "data_files" && task.dataset_path == "json")
        task.files = RowFiles::read(option);
      else if (key != "trust_remote_code")
        task.other_files = option.place();
      option.to_value();
    }
}

void read_perplexity(const TaskFile& file, TaskConfig& task) {
  task.join = file.get("join", "");
  if (const std::optional<ConfigNode> most = file.find("max_documents"))
    task.max_documents = most->as_count();
  const std::optional<ConfigNode> node = file.find("protocol");
  if (!node) file.fail_at("protocol", "missing; expected {id: ..., kind: windows, window: 2048}");
  task.protocol_id = node->at("id").as_string();
  const std::map<std::string, Protocol::Kind> named = {
      {"windows", Protocol::Kind::kWindows},
      {"lm-eval", Protocol::Kind::kLmEval},
      {"second-half", Protocol::Kind::kSecondHalf}};
  task.protocol.kind =
      named.at(node->get_one_of("kind", {"windows", "lm-eval", "second-half"}, "windows"));
  task.protocol.window = node->get("window", size_t{2048});
  task.protocol.max_tokens = node->get("max_tokens", size_t{0});
}

void refuse_what_is_not_run(const TaskFile& file) {
  for (const char* key : {"process_docs", "process_results", "class", "custom_dataset"})
    file.refuse(key, "needs Python, which is not run here");
  for (const char* key : {"doc_to_image", "doc_to_audio"})
    file.refuse(key, "images and sound are not read here");
  file.refuse("use_prompt", "prompts of promptsource are not read here");
  for (const char* key : {"group", "aggregate_metric_list"})
    file.refuse(key, "a group of tasks is no task");
  if (const std::optional<ConfigNode> unsafe = file.find("unsafe_code");
      unsafe && read_bool(*unsafe))
    unsafe->fail("code written by a model is not run here");
  for (const char* key : {"should_decontaminate", "doc_to_decontamination_query"}) file.ignore(key);
}

void read_identity(const TaskFile& file, TaskConfig& task) {
  const std::optional<ConfigNode> name = file.find("task");
  if (!name) file.fail_at("task", "missing; expected the task's name");
  if (!name->is_scalar()) name->fail("a group of tasks is no task");
  task.name = name->as_string();
  file.get("task_alias", "");
  tags_of(file);
  task.place = file.name();
  if (!file.find("dataset_path"))
    file.fail_at("dataset_path", "missing; expected the name of a dataset");
  task.split = file.get("test_split", file.get("validation_split", ""));
  if (task.split.empty())
    file.fail_at("test_split", "missing; expected a test_split or a validation_split");
  file.get("training_split", "");
  if (const std::optional<ConfigNode> metadata = file.find("metadata")) {
    if (const std::optional<ConfigNode> version = metadata->find("version"))
      if (version->is_scalar()) task.version = version->as_string();
    metadata->to_value();
  }
  task.source_hash = file.hash();
}

// Answers are compared with the dense model's own: what that gives is fixed, and both are the likeliest.
void check_agreement(const TaskFile& file, const TaskConfig& task) {
  for (const char* key : {"metric_list", "filter_list"})
    file.refuse(key, "an agreement has its own metrics, of whole answers");
  if (task.generation.temperature > 0 || task.generation.samples > 1)
    file.fail_at("generation_kwargs", "expected the likeliest answer of each model, without sampling or repeats");
}

void require_fields(const TaskFile& file, const TaskConfig& task) {
  const bool rolling = task.kind == TaskConfig::Kind::kRolling || task.kind == TaskConfig::Kind::kPerplexity;
  if (!task.doc_to_text && !rolling) file.fail_at("doc_to_text", "missing");
  if (!task.doc_to_target && task.kind != TaskConfig::Kind::kAgreement) file.fail_at("doc_to_target", "missing");
  if (task.kind == TaskConfig::Kind::kMultipleChoice && !task.doc_to_choice)
    file.fail_at("doc_to_choice", "missing");
}

// How texts that are drawn are drawn: "64 texts at temperature 0.2 (top_k 50, top_p 1, seed 0)".
std::string sampling_text(const GenerationConfig& generation) {
  return cat(generation.samples, generation.samples == 1 ? " text" : " texts", " at temperature ",
             generation.temperature, " (top_k ", generation.top_k, ", top_p ", generation.top_p,
             ", seed ", generation.seed, ")");
}

}  // namespace

TaskConfig read_task_config(const TaskFile& file) {
  refuse_what_is_not_run(file);
  const OutputType& kind = read_output_type(file);
  TaskConfig task;
  task.kind = kind.kind;
  read_identity(file, task);
  if (const std::optional<ConfigNode> list = file.find("transforms"))
    task.transforms = Transforms::read(*list);
  task.doc_to_text = read_field(file, "doc_to_text");
  task.doc_to_target = read_field(file, "doc_to_target");
  task.doc_to_choice = read_field(file, "doc_to_choice");
  task.description = read_field(file, "description");
  task.gen_prefix = read_field(file, "gen_prefix");
  const std::string gen_prefix = file.get("gen_prefix", "");
  task.gen_prefix_is_bare = !gen_prefix.empty() && rstrip(gen_prefix) == gen_prefix;
  task.target_delimiter = file.get("target_delimiter", " ");
  task.fewshot_delimiter = file.get("fewshot_delimiter", "\n\n");
  require_fields(file, task);
  task.fewshot = read_fewshot(file, task);
  task.generation = read_generation(file, task.fewshot_delimiter);
  if (task.kind == TaskConfig::Kind::kAgreement) check_agreement(file, task);
  task.filters = read_filters(file, task.kind, task.generation.samples);
  task.metrics = read_metrics(file, kind);
  if (task.kind == TaskConfig::Kind::kPerplexity) read_perplexity(file, task);
  if (task.kind == TaskConfig::Kind::kRolling) task.counted_text = read_field(file, "counted_text");
  read_dataset(file, task);
  file.reject_unread();
  return task;
}

TaskInfo info_of(const TaskConfig& config) {
  TaskInfo info;
  info.name = config.name;
  info.files = config.files;
  if (info.files.place.empty()) {
    info.dataset = dataset_for(config.dataset_path, config.dataset_name, config.dataset_place);
  } else {
    info.dataset = config.dataset_path;
    info.files.check(config.split);
    if (config.fewshot.count > 0 && !config.fewshot.split.empty()) info.files.check(config.fewshot.split);
  }
  if (!config.other_files.empty())
    fail(cat(config.other_files, ": the dataset's manifest says which files are read"));
  info.split = config.split;
  info.num_fewshot = config.fewshot.count;
  if (config.fewshot.count > 0) info.fewshot_split = config.fewshot.split;
  info.version = config.version;
  const bool keyed =
      config.fewshot.count > 0 && config.fewshot.sampler == FewshotConfig::Sampler::kKeyed;
  info.agreement = config.kind == TaskConfig::Kind::kAgreement;
  info.protocol = config.protocol_id;
  if (info.protocol.empty()) info.protocol = cat(info.agreement ? "agreement " : "lm-eval ", config.version);
  if (keyed) info.protocol += ", keyed shots";
  if (config.kind == TaskConfig::Kind::kGenerate && config.generation.temperature > 0)
    info.protocol += ", " + sampling_text(config.generation);
  info.source_hash = config.source_hash;
  for (const FilterChain& filter : config.filters)
    for (const MetricConfig& metric : config.metrics)
      info.metrics.push_back(
          {cat(metric.name, ",", filter.name()), metric.aggregation, metric.higher_is_better});
  return info;
}

}  // namespace evalharness
