// Multiple choice. The request of each choice is log p(delimiter + choice | context), where the
// context keeps its trailing whitespace and the continuation its leading: the engine moves
// whitespace from one to the other when it encodes the pair.

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/classes.h"
#include "harness/metrics/corpus.h"
#include "tasks/kind.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

// The first of the largest.
size_t argmax(const std::vector<double>& values) {
  size_t best = 0;
  for (size_t i = 1; i < values.size(); ++i)
    if (values[i] > values[best]) best = i;
  return best;
}

class Choice final : public Kind {
 public:
  Choice(const TaskConfig& config, const Prompts& prompts) : config_(config), prompts_(prompts) {
    for (const MetricConfig& metric : config.metrics)
      mutual_info_ |= metric.name == "acc_mutual_info";
  }

  void check(const Document& doc) const override {
    right_choices(doc, choices_of(*config_.doc_to_choice, doc));
  }

  std::vector<Request> requests(const Document& doc) const override {
    const std::vector<std::string> choices = choices_of(*config_.doc_to_choice, doc);
    std::vector<Request> requests;
    if (choices_are_contexts(doc)) {
      const std::string target =
          prompts_.choice_delimiter() + python::str(target_of(*config_.doc_to_target, doc, true));
      for (std::string& context : prompts_.contexts_of_choices(doc))
        requests.push_back(LogLikelihood{std::move(context), target});
    } else {
      const std::string context = prompts_.context(doc);
      for (const std::string& choice : choices)
        requests.push_back(LogLikelihood{context, prompts_.choice_delimiter() + choice});
    }
    if (mutual_info_)
      for (const std::string& choice : choices)
        requests.push_back(LogLikelihood{"", prompts_.choice_delimiter() + choice});
    return requests;
  }

  std::vector<Item> score(const Document& doc, const std::vector<Answer>& answers) const override {
    const std::vector<std::string> choices = choices_of(*config_.doc_to_choice, doc);
    EH_ASSERT(answers.size() == choices.size() * (mutual_info_ ? 2 : 1));
    const std::vector<size_t> right = right_choices(doc, choices);
    std::vector<Item> items;
    for (const FilterChain& filter : config_.filters)
      for (const MetricConfig& metric : config_.metrics) {
        if (right.size() != 1 && needs_one_right(metric.name))
          fail(cat(doc.where(), ": metric '", metric.name, "' needs one right choice, got ",
                   right.size()));
        Item item = item_of(metric, right, log_probs(metric.name, choices, answers), answers);
        if (metric.name == "acc_all") item.statistics = question_of(doc);
        item.metric = cat(metric.name, ",", filter.name());
        items.push_back(std::move(item));
      }
    return items;
  }

 private:
  // As in Winogrande: each choice completes the question, and one continuation is scored behind
  // all.
  bool choices_are_contexts(const Document& doc) const {
    return text_or_index(*config_.doc_to_text, doc, true).is_int();
  }

  std::vector<double> log_probs(const std::string& metric, const std::vector<std::string>& choices,
                                const std::vector<Answer>& answers) const {
    std::vector<double> values;
    for (size_t i = 0; i < choices.size(); ++i) {
      double value = answers[i].log_prob;
      // Characters of the bare choice, without the delimiter. An empty choice divides by 0: minus
      // infinity.
      if (metric == "acc_norm") value /= static_cast<double>(code_points(choices[i]));
      if (metric == "acc_bytes") value /= static_cast<double>(choices[i].size());
      if (metric == "acc_mutual_info") value -= answers[choices.size() + i].log_prob;
      values.push_back(value);
    }
    return values;
  }

  static bool needs_one_right(const std::string& metric) {
    return metric == "brier_score" || metric == "f1" || metric == "mcc";
  }

  // Precondition: `values` are as log_probs() makes them for this metric.
  static Item item_of(const MetricConfig& metric, const std::vector<size_t>& right,
                      const std::vector<double>& values, const std::vector<Answer>& answers) {
    if (metric.name == "bypass") return {};
    if (metric.name == "exact_match") return greedy_item(right, answers);
    for (double value : values)
      if (std::isnan(value)) return {"", value, 1, ""};  // the model diverged; no choice was made
    const size_t chosen = argmax(values);
    Item item{"", 0, 1, std::to_string(chosen)};
    if (is_corpus_aggregation(metric.aggregation)) {
      item.statistics = class_statistics(right[0], chosen);
      item.value = corpus_score(metric.aggregation, item.statistics).value_or(0);
    } else if (metric.name == "likelihood") {
      // lm-evaluation-harness hands the right choice and all log-likelihoods to an aggregation in Python.
      item.value = values[right[0]];
      for (const size_t i : right) item.value = std::max(item.value, values[i]);
    } else if (metric.name == "brier_score") {
      item.value = brier_score(right[0], values);
    } else {
      item.value = std::find(right.begin(), right.end(), chosen) != right.end() ? 1 : 0;
    }
    return item;
  }

  // {paragraph, question} of MultiRC's column `idx`.
  static std::vector<double> question_of(const Document& doc) {
    std::vector<double> question;
    for (const char* part : {"paragraph", "question"}) {
      const Value* const index = doc.at("idx").find(part);
      if (index == nullptr || !index->is_int())
        fail(cat(doc.where(), ": metric 'acc_all' needs idx: {paragraph: N, question: N}, got ", python::repr(doc.at("idx"))));
      question.push_back(index->number());
    }
    return question;
  }

  static Item greedy_item(const std::vector<size_t>& right, const std::vector<Answer>& answers) {
    for (size_t i : right)
      if (answers[i].greedy) return {"", 1, 1, std::to_string(i)};
    return {"", 0, 1, ""};
  }

  std::vector<size_t> right_choices(const Document& doc,
                                    const std::vector<std::string>& choices) const {
    const bool inverted = choices_are_contexts(doc);
    const Field& field = inverted ? *config_.doc_to_text : *config_.doc_to_target;
    const Value target = inverted ? text_or_index(field, doc, true) : target_of(field, doc, true);
    std::vector<size_t> right;
    const Value::List targets = target.is_list() ? target.list() : Value::List{target};
    for (const Value& one : targets) right.push_back(index_of(doc, field, one, choices));
    return right;
  }

  // lm-evaluation-harness scores a document without a right choice as wrong, with a warning. Here
  // it fails.
  static size_t index_of(const Document& doc, const Field& field, const Value& target,
                         const std::vector<std::string>& choices) {
    if (target.is_int() && target.integer() >= 0 &&
        target.integer() < static_cast<int64_t>(choices.size()))
      return static_cast<size_t>(target.integer());
    for (size_t i = 0; i < choices.size(); ++i)
      if (target.is_string() && target.string() == choices[i]) return i;
    fail(cat(doc.where(), ": ", field.where(), ": expected one of ", choices.size(),
             " choices, got ", python::repr(target)));
  }

  const TaskConfig& config_;
  const Prompts& prompts_;
  bool mutual_info_ = false;
};

}  // namespace

KindPtr make_choice(const TaskConfig& config, const Prompts& prompts) {
  return std::make_unique<Choice>(config, prompts);
}

}  // namespace evalharness
