#include "tasks/task_config.h"

#include <algorithm>
#include <map>

#include "datasets/dataset.h"
#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/aggregate.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

using Kind = TaskConfig::Kind;

struct KnownMetric {
  const char* name;
  const char* aggregation;
  bool higher_is_better;
  bool by_default;  // where the file has no metric_list
};

struct KnownKind {
  const char* output_type;
  Kind kind;
  std::vector<KnownMetric> metrics;
};

const std::vector<KnownKind>& kinds() {
  static const std::vector<KnownKind> table = {
      {"multiple_choice",
       Kind::kMultipleChoice,
       {{"acc", "mean", true, true},
        {"acc_norm", "mean", true, true},
        {"acc_bytes", "mean", true, false},
        {"acc_mutual_info", "mean", true, false},
        {"exact_match", "mean", true, false}}},
      {"loglikelihood",
       Kind::kLogLikelihood,
       {{"perplexity", "perplexity", false, true}, {"acc", "mean", true, true}}},
      {"loglikelihood_rolling",
       Kind::kRolling,
       {{"word_perplexity", "weighted_perplexity", false, true},
        {"byte_perplexity", "weighted_perplexity", false, true},
        {"bits_per_byte", "bits_per_byte", false, true}}},
      {"generate_until", Kind::kGenerate, {{"exact_match", "mean", true, true}}},
      {"perplexity", Kind::kPerplexity, {{"perplexity", "token_perplexity", false, true}}}};
  return table;
}

const KnownKind& read_kind(const TaskFile& file) {
  const std::string wanted = file.get("output_type", "generate_until");
  std::vector<std::string> names;
  for (const KnownKind& known : kinds()) {
    if (wanted == known.output_type) return known;
    names.push_back(known.output_type);
  }
  file.fail_at("output_type", cat("expected one of ", join(names, ", "), ", got '", wanted, "'",
                                  did_you_mean(wanted, names)));
}

std::optional<Field> read_field(const TaskFile& file, std::string_view key) {
  const std::optional<ConfigNode> node = file.find(key);
  return node ? std::optional<Field>(Field::read(*node)) : std::nullopt;
}

std::optional<Field> read_field(const ConfigNode& map, std::string_view key) {
  const std::optional<ConfigNode> node = map.find(key);
  return node && !node->is_null() ? std::optional<Field>(Field::read(*node)) : std::nullopt;
}

bool read_bool(const ConfigNode& node) {
  const Value value = node.to_value(/*yaml_1_1=*/true);  // lm-eval's files say yes and no as well
  if (!value.is_bool()) node.fail(cat("expected true or false, got ", python::repr(value)));
  return value.boolean();
}

std::vector<std::string> strings_of(const ConfigNode& node) {
  if (node.is_null()) return {};
  if (!node.is_list()) return {node.as_string()};
  std::vector<std::string> strings;
  for (const ConfigNode& item : node.items()) strings.push_back(item.as_string());
  return strings;
}

const KnownMetric& known_metric(const KnownKind& kind, const ConfigNode& node) {
  const std::string name = node.as_string();
  std::vector<std::string> names;
  for (const KnownMetric& known : kind.metrics) {
    if (name == known.name) return known;
    names.push_back(known.name);
  }
  node.fail(cat("metric '", name, "' is not known for ", kind.output_type,
                did_you_mean(name, names), "; there are: ", join(names, " ")));
}

MetricConfig read_metric(const KnownKind& kind, const ConfigNode& node) {
  const KnownMetric& known = known_metric(kind, node.at("metric"));
  MetricConfig metric{known.name, known.aggregation, known.higher_is_better, {}};
  metric.aggregation = node.get_one_of("aggregation", aggregation_names(), known.aggregation);
  if (const std::optional<ConfigNode> better = node.find("higher_is_better"))
    metric.higher_is_better = read_bool(*better);
  if (node.get("hf_evaluate", false))
    node.fail_at("hf_evaluate", "needs Python's evaluate package");
  if (metric.name == "exact_match") metric.match = AnswerMatch::read(node);
  return metric;
}

std::vector<MetricConfig> read_metrics(const TaskFile& file, const KnownKind& kind) {
  std::vector<MetricConfig> metrics;
  if (const std::optional<ConfigNode> list = file.find("metric_list")) {
    for (const ConfigNode& item : list->items()) metrics.push_back(read_metric(kind, item));
  } else {
    for (const KnownMetric& known : kind.metrics)
      if (known.by_default)
        metrics.push_back({known.name, known.aggregation, known.higher_is_better, {}});
  }
  return metrics;
}

std::vector<FilterChain> read_filters(const TaskFile& file, Kind kind) {
  const std::optional<ConfigNode> list = file.find("filter_list");
  if (!list) return {FilterChain::first()};
  std::vector<FilterChain> chains;
  for (const ConfigNode& item : list->items()) {
    chains.push_back(FilterChain::read(item));
    if (kind != Kind::kGenerate && !chains.back().only_takes_first())
      item.fail("log-likelihoods pass through take_first only");
  }
  return chains;
}

double read_temperature(const ConfigNode& node) {
  const std::optional<ConfigNode> given = node.find("temperature");
  const double temperature = given ? given->as_number() : 0;
  const std::optional<ConfigNode> sample = node.find("do_sample");
  // Without do_sample a temperature above 0 samples; do_sample: false is greedy at any temperature.
  return sample && !sample->is_null() && !read_bool(*sample) ? 0 : temperature;
}

GenerationConfig read_generation(const TaskFile& file, const std::string& fewshot_delimiter) {
  GenerationConfig generation;
  generation.until = {fewshot_delimiter};
  if (const std::optional<ConfigNode> repeats = file.find("repeats"))
    generation.samples = repeats->as_count();
  const std::optional<ConfigNode> node = file.find("generation_kwargs");
  if (!node) return generation;
  if (const std::optional<ConfigNode> until = node->find("until"))
    generation.until = strings_of(*until);
  // Of several names the first wins, as there.
  bool given = false;
  for (const char* name :
       {"max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"}) {
    const std::optional<ConfigNode> count = node->find(name);
    if (!count || count->is_null()) continue;
    const size_t value = count->as_count();
    if (!given) generation.max_tokens = value;
    given = true;
  }
  generation.temperature = read_temperature(*node);
  return generation;
}

// The pool where no split is named: training rows, else validation, else test.
std::string default_pool(const TaskFile& file) {
  for (const char* key : {"training_split", "validation_split", "test_split"})
    if (const std::string split = file.get(key, ""); !split.empty()) return split;
  return "";
}

void read_fewshot_section(const ConfigNode& node, FewshotConfig& fewshot) {
  const std::string sampler = node.get_one_of("sampler", {"default", "first_n"}, "default");
  fewshot.sampler =
      sampler == "default" ? FewshotConfig::Sampler::kDefault : FewshotConfig::Sampler::kFirstN;
  fewshot.split = node.get("split", fewshot.split);
  if (const std::optional<ConfigNode> indices = node.find("fewshot_indices");
      indices && !indices->is_null())
    for (const ConfigNode& item : indices->items()) fewshot.indices.push_back(item.as_count());
  if (const std::optional<ConfigNode> samples = node.find("samples");
      samples && !samples->is_null())
    for (const ConfigNode& item : samples->items())
      fewshot.samples.emplace_back(item.to_value(/*yaml_1_1=*/true), item.where());
  for (auto& [key, field] : {std::pair{"doc_to_text", &fewshot.doc_to_text},
                             {"doc_to_target", &fewshot.doc_to_target},
                             {"doc_to_choice", &fewshot.doc_to_choice},
                             {"gen_prefix", &fewshot.gen_prefix}})
    if (std::optional<Field> own = read_field(node, key)) *field = std::move(own);
  fewshot.target_delimiter = node.get("target_delimiter", fewshot.target_delimiter);
  fewshot.fewshot_delimiter = node.get("fewshot_delimiter", fewshot.fewshot_delimiter);
}

FewshotConfig read_fewshot(const TaskFile& file, const TaskConfig& task) {
  FewshotConfig fewshot;
  fewshot.doc_to_text = task.doc_to_text;
  fewshot.doc_to_target = task.doc_to_target;
  fewshot.doc_to_choice = task.doc_to_choice;
  fewshot.gen_prefix = task.gen_prefix;
  fewshot.target_delimiter = task.target_delimiter;
  fewshot.fewshot_delimiter = task.fewshot_delimiter;
  if (const std::optional<ConfigNode> count = file.find("num_fewshot"))
    fewshot.count = count->as_count();
  fewshot.split = file.get("fewshot_split", "");
  if (const std::optional<ConfigNode> node = file.find("fewshot_config"))
    read_fewshot_section(*node, fewshot);
  // One less-than-obvious rule of the original: with neither a split of the shots nor a test split
  // named, the two count as the same, and one shot more is drawn from the training rows.
  fewshot.drop_document = fewshot.split == file.get("test_split", "");
  if (fewshot.split.empty() && fewshot.samples.empty()) fewshot.split = default_pool(file);
  return fewshot;
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
  if (const std::optional<ConfigNode> options = file.find("dataset_kwargs"))
    for (const std::string& key : options->keys()) {
      if (key != "trust_remote_code")
        options->fail_at(key, "the dataset's manifest says which files are read");
      options->at(key).to_value();
    }
  for (const char* key :
       {"tag", "task_alias", "should_decontaminate", "doc_to_decontamination_query"})
    file.ignore(key);
}

void read_identity(const TaskFile& file, TaskConfig& task) {
  const std::optional<ConfigNode> name = file.find("task");
  if (!name) file.fail_at("task", "missing; expected the task's name");
  if (!name->is_scalar()) name->fail("a group of tasks is no task");
  task.name = name->as_string();
  task.place = file.name();
  const std::optional<ConfigNode> path = file.find("dataset_path");
  if (!path) file.fail_at("dataset_path", "missing; expected the name of a dataset");
  task.dataset = dataset_for(path->as_string(), file.get("dataset_name", ""));
  task.split = file.get("test_split", file.get("validation_split", ""));
  if (task.split.empty())
    file.fail_at("test_split", "missing; expected a test_split or a validation_split");
  file.ignore("validation_split");
  file.ignore("training_split");
  if (const std::optional<ConfigNode> metadata = file.find("metadata")) {
    if (const std::optional<ConfigNode> version = metadata->find("version"))
      if (version->is_scalar()) task.version = version->as_string();
    metadata->to_value();
  }
  task.source_hash = file.hash();
}

void require_fields(const TaskFile& file, const TaskConfig& task) {
  const bool rolling = task.kind == Kind::kRolling || task.kind == Kind::kPerplexity;
  if (!task.doc_to_text && !rolling) file.fail_at("doc_to_text", "missing");
  if (!task.doc_to_target) file.fail_at("doc_to_target", "missing");
  if (task.kind == Kind::kMultipleChoice && !task.doc_to_choice)
    file.fail_at("doc_to_choice", "missing");
}

}  // namespace

TaskConfig read_task_config(const TaskFile& file) {
  refuse_what_is_not_run(file);
  const KnownKind& kind = read_kind(file);
  TaskConfig task;
  task.kind = kind.kind;
  read_identity(file, task);
  task.doc_to_text = read_field(file, "doc_to_text");
  task.doc_to_target = read_field(file, "doc_to_target");
  task.doc_to_choice = read_field(file, "doc_to_choice");
  task.description = read_field(file, "description");
  task.gen_prefix = read_field(file, "gen_prefix");
  task.target_delimiter = file.get("target_delimiter", " ");
  task.fewshot_delimiter = file.get("fewshot_delimiter", "\n\n");
  require_fields(file, task);
  task.fewshot = read_fewshot(file, task);
  task.generation = read_generation(file, task.fewshot_delimiter);
  task.filters = read_filters(file, task.kind);
  task.metrics = read_metrics(file, kind);
  if (task.kind == Kind::kPerplexity) read_perplexity(file, task);
  file.reject_unread();
  return task;
}

TaskInfo info_of(const TaskConfig& config) {
  TaskInfo info;
  info.name = config.name;
  info.dataset = config.dataset;
  info.split = config.split;
  info.num_fewshot = config.fewshot.count;
  if (config.fewshot.count > 0) info.fewshot_split = config.fewshot.split;
  info.version = config.version;
  info.protocol = config.protocol_id.empty() ? cat("lm-eval ", config.version) : config.protocol_id;
  info.source_hash = config.source_hash;
  for (const FilterChain& filter : config.filters)
    for (const MetricConfig& metric : config.metrics)
      info.metrics.push_back(
          {cat(metric.name, ",", filter.name()), metric.aggregation, metric.higher_is_better});
  return info;
}

}  // namespace evalharness
