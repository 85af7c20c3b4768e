// The model writes; filters take the answer out of what it wrote, and it is compared with the
// target. Of several targets exact_match and ROUGE take the best; BLEU, chrF and TER take them all
// as references, where lm-evaluation-harness fails.

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/corpus.h"
#include "harness/metrics/rouge.h"
#include "tasks/kind.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

class GenerateUntil final : public Kind {
 public:
  GenerateUntil(const TaskConfig& config, const Prompts& prompts)
      : config_(config), prompts_(prompts) {}

  void check(const Document& doc) const override {
    const std::vector<std::string> right = right_answers(doc);
    for (const MetricConfig& metric : config_.metrics)
      if (is_of_classes(metric))
        for (const std::string& reference : right)
          if (!class_number(reference))
            fail(cat(doc.where(), ": ", config_.doc_to_target->where(), ": '", metric.name, "' needs the number of a class, got '", reference, "'"));
  }

  std::vector<Request> requests(const Document& doc) const override {
    return {generation_request(config_, prompts_, doc)};
  }

  std::vector<Item> score(const Document& doc, const std::vector<Answer>& answers) const override {
    EH_ASSERT(answers.size() == 1 && !answers[0].texts.empty());
    const std::vector<std::string> right = right_answers(doc);
    std::vector<Item> items;
    for (const FilterChain& filter : config_.filters) {
      const Extracted given = filter.apply(answers[0].texts, doc);
      for (const MetricConfig& metric : config_.metrics) {
        if (right.empty() && is_corpus_aggregation(metric.aggregation))
          fail(cat(doc.where(), ": ", config_.doc_to_target->where(), ": '", metric.name,
                   "' needs a target, got none"));
        Item item = item_of(metric, given.text, right);
        item.metric = cat(metric.name, ",", filter.name());
        item.answer = given.text;
        item.extracted = given.found;
        items.push_back(std::move(item));
      }
    }
    return items;
  }

 private:
  // Metrics of Python's evaluate package, which takes answers and targets as int32; of one answer both are 1 or 0.
  static bool is_of_classes(const MetricConfig& metric) { return metric.name == "accuracy" || metric.name == "f1"; }

  static std::optional<int64_t> class_number(const std::string& text) {
    const std::optional<Value> number = python::literal(text);
    return number && number->is_int() ? std::optional(number->integer()) : std::nullopt;
  }

  static Item item_of(const MetricConfig& metric, const std::string& given,
                      const std::vector<std::string>& right) {
    Item item;
    if (metric.name == "bypass") return item;
    if (metric.name == "exact_match") {
      for (const std::string& reference : right)
        if (metric.match.same(given, reference)) item.value = 1;
    } else if (is_of_classes(metric)) {
      for (const std::string& reference : right)
        if (class_number(given) == class_number(reference)) item.value = 1;
    } else if (is_corpus_aggregation(metric.aggregation)) {
      item.statistics = text_statistics(metric.aggregation, python::valid_text(given), right);
      item.value = corpus_score(metric.aggregation, item.statistics).value_or(0);
    } else {
      for (const std::string& reference : right)
        item.value = std::max(item.value, rouge(metric.name, reference, given));
    }
    return item;
  }

  static double rouge(const std::string& metric, const std::string& reference,
                      const std::string& given) {
    if (metric == "rougeL") return rouge_l(reference, given).f_measure;
    return rouge_n(reference, given, metric == "rouge1" ? 1 : 2).f_measure;
  }

  // Any of these is right.
  std::vector<std::string> right_answers(const Document& doc) const {
    const Field& field = *config_.doc_to_target;
    const Value target = target_of(field, doc, config_.doc_to_choice.has_value());
    if (config_.doc_to_choice)
      return {choices_of(*config_.doc_to_choice, doc).at(choice_index(doc, target))};
    std::vector<std::string> right;
    if (!target.is_list()) return {python::str(target)};
    for (const Value& one : target.list()) right.push_back(python::str(one));
    return right;
  }

  size_t choice_index(const Document& doc, const Value& target) const {
    const size_t count = choices_of(*config_.doc_to_choice, doc).size();
    if (!target.is_int() || target.integer() < 0 || target.integer() >= static_cast<int64_t>(count))
      fail(cat(doc.where(), ": ", config_.doc_to_target->where(), ": expected a choice below ",
               count, ", got ", python::repr(target)));
    return static_cast<size_t>(target.integer());
  }

  const TaskConfig& config_;
  const Prompts& prompts_;
};

}  // namespace

Generate generation_request(const TaskConfig& config, const Prompts& prompts, const Document& doc) {
  const GenerationConfig& generation = config.generation;
  return {.context = prompts.context(doc),
          .until = generation.until,
          .max_tokens = generation.max_tokens,
          .temperature = generation.temperature,
          .top_k = generation.top_k,
          .top_p = generation.top_p,
          .samples = generation.samples,
          .seed = generation.seed};
}

KindPtr make_generate(const TaskConfig& config, const Prompts& prompts) {
  return std::make_unique<GenerateUntil>(config, prompts);
}

}  // namespace evalharness
