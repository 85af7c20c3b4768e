// One continuation of each document: its log-likelihood, and whether the model would have written
// it. The target is scored as it is, without the delimiter: LAMBADA's carries its own leading
// space.

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/kind.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

class Cloze final : public Kind {
 public:
  Cloze(const TaskConfig& config, const Prompts& prompts) : config_(config), prompts_(prompts) {}

  std::vector<Request> requests(const Document& doc) const override {
    const Value target = target_of(*config_.doc_to_target, doc, config_.doc_to_choice.has_value());
    if (!target.is_string())
      fail(cat(doc.where(), ": ", config_.doc_to_target->where(), ": expected a string, got ",
               target.type_name()));
    return {LogLikelihood{prompts_.context(doc), target.string()}};
  }

  std::vector<Item> score(const Document&, const std::vector<Answer>& answers) const override {
    EH_ASSERT(answers.size() == 1);
    std::vector<Item> items;
    for (const FilterChain& filter : config_.filters)
      for (const MetricConfig& metric : config_.metrics) {
        const std::string key = cat(metric.name, ",", filter.name());
        if (metric.name == "bypass")
          items.push_back({key, 0, 1, ""});
        else if (metric.name == "perplexity")
          items.push_back({key, answers[0].log_prob, 1, ""});
        else
          items.push_back(
              {key, answers[0].greedy ? 1.0 : 0.0, 1, answers[0].greedy ? "greedy" : "other"});
      }
    return items;
  }

 private:
  const TaskConfig& config_;
  const Prompts& prompts_;
};

}  // namespace

KindPtr make_cloze(const TaskConfig& config, const Prompts& prompts) {
  return std::make_unique<Cloze>(config, prompts);
}

}  // namespace evalharness
