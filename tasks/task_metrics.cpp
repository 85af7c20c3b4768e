#include "tasks/task_metrics.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/aggregate.h"
#include "tasks/task_sections.h"

namespace evalharness {
namespace {

const std::vector<OutputType>& output_types() {
  static const std::vector<OutputType> table = {
      {"multiple_choice",
       TaskConfig::Kind::kMultipleChoice,
       {{"acc", "mean", true, true},
        {"acc_norm", "mean", true, true},
        {"acc_bytes", "mean", true, false},
        {"acc_mutual_info", "mean", true, false},
        {"exact_match", "mean", true, false},
        {"brier_score", "brier_score", false, false},
        {"f1", "f1", true, false},
        {"mcc", "matthews_corrcoef", true, false},
        {"likelihood", "mean", true, false},
        {"acc_all", "acc_all", true, false},
        {"bypass", "bypass", true, false}}},
      {"loglikelihood",
       TaskConfig::Kind::kLogLikelihood,
       {{"perplexity", "perplexity", false, true}, {"acc", "mean", true, true}, {"bypass", "bypass", true, false}}},
      {"loglikelihood_rolling",
       TaskConfig::Kind::kRolling,
       {{"word_perplexity", "weighted_perplexity", false, true},
        {"byte_perplexity", "weighted_perplexity", false, true},
        {"bits_per_byte", "bits_per_byte", false, true}}},
      {"generate_until",
       TaskConfig::Kind::kGenerate,
       {{"exact_match", "mean", true, true},
        {"bleu", "bleu", true, false},
        {"chrf", "chrf", true, false},
        {"chrf++", "chrf++", true, false},
        {"ter", "ter", false, false},
        {"rouge1", "mean", true, false},
        {"rouge2", "mean", true, false},
        {"rougeL", "mean", true, false},
        {"accuracy", "mean", true, false},
        {"f1", "mean", true, false},
        {"bypass", "bypass", true, false}}},
      {"agreement", TaskConfig::Kind::kAgreement, {}},
      {"perplexity", TaskConfig::Kind::kPerplexity, {{"perplexity", "token_perplexity", false, true}}}};
  return table;
}

std::vector<std::string> metric_names(const OutputType& type) {
  std::vector<std::string> names;
  for (const KnownMetric& known : type.metrics) names.push_back(known.name);
  return names;
}

const KnownMetric& known_metric(const OutputType& type, const ConfigNode& node) {
  const std::string name = node.as_string();
  for (const KnownMetric& known : type.metrics)
    if (name == known.name) return known;
  const std::vector<std::string> names = metric_names(type);
  node.fail(cat("metric '", name, "' is not known for ", type.name, did_you_mean(name, names), "; there are: ", join(names, " ")));
}

// Values of documents have every aggregation that is not another metric's own.
std::vector<std::string> aggregations_of(const KnownMetric& known) {
  if (is_fixed_aggregation(known.aggregation)) return {known.aggregation};
  std::vector<std::string> names = aggregation_names();
  std::erase_if(names, is_fixed_aggregation);
  return names;
}

// Metrics of Python's evaluate package that are the same here: exact_match, and of written answers accuracy and the
// micro-averaged f1, which of one answer, as lm-evaluation-harness asks for them, are 1 where its class is the right one. Others of
// one name are not always: its bleu has no smoothing and is a share.
void read_hf_evaluate(const OutputType& type, const ConfigNode& node) {
  const std::string name = node.at("metric").as_string();
  const bool theirs = node.get("hf_evaluate", false);
  const bool written = type.kind == TaskConfig::Kind::kGenerate;
  if (written && name == "f1") {
    if (!theirs || node.get("average", std::string("binary")) != "micro")
      node.fail_at("metric", "f1 of written answers is known with hf_evaluate: true and average: micro only (the share of right classes)");
    return;
  }
  if (!theirs || name == "exact_match" || (written && name == "accuracy")) return;
  const std::vector<std::string> names = metric_names(type);
  const bool is_ours = std::ranges::count(names, name) > 0;
  node.fail_at("hf_evaluate", cat("needs Python's evaluate package; ",
                                  is_ours ? cat("without it, '", name, "' is computed here") : cat("computed here are: ", join(names, " "))));
}

// What lm-evaluation-harness takes beside any metric and gives to none but exact_match: its f1 is class 1's whatever
// `average` says.
void ignore_options(const ConfigNode& node) {
  for (const char* key : {"average", "weight_by_size", "ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore"})
    if (const std::optional<ConfigNode> option = node.find(key)) option->to_value();
}

MetricConfig read_metric(const OutputType& type, const ConfigNode& node) {
  read_hf_evaluate(type, node);
  const KnownMetric& known = known_metric(type, node.at("metric"));
  MetricConfig metric{known.name, known.aggregation, known.higher_is_better, {}};
  metric.aggregation = node.get_one_of("aggregation", aggregations_of(known), known.aggregation);
  if (const std::optional<ConfigNode> better = node.find("higher_is_better"))
    metric.higher_is_better = read_bool(*better);
  if (metric.name == "exact_match") metric.match = AnswerMatch::read(node);
  ignore_options(node);
  return metric;
}

}  // namespace

const OutputType& read_output_type(const TaskFile& file) {
  const std::string wanted = file.get("output_type", "generate_until");
  std::vector<std::string> names;
  for (const OutputType& known : output_types()) {
    if (wanted == known.name) return known;
    names.push_back(known.name);
  }
  file.fail_at("output_type", cat("expected one of ", join(names, ", "), ", got '", wanted, "'", did_you_mean(wanted, names)));
}

std::vector<MetricConfig> read_metrics(const TaskFile& file, const OutputType& type) {
  std::vector<MetricConfig> metrics;
  if (const std::optional<ConfigNode> list = file.find("metric_list")) {
    if (list->items().empty()) list->fail("expected at least one metric, or no metric_list for the usual ones");
    for (const ConfigNode& item : list->items()) {
      MetricConfig metric = read_metric(type, item);
      // Of a metric that stands twice the last counts, as in lm-evaluation-harness.
      std::erase_if(metrics, [&](const MetricConfig& other) { return other.name == metric.name; });
      metrics.push_back(std::move(metric));
    }
  } else {
    for (const KnownMetric& known : type.metrics)
      if (known.by_default)
        metrics.push_back({known.name, known.aggregation, known.higher_is_better, {}});
  }
  return metrics;
}

}  // namespace evalharness
