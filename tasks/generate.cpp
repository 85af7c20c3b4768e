// The model writes; filters take the answer out of what it wrote, and it is compared with the
// target.

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/kind.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

class GenerateUntil final : public Kind {
 public:
  GenerateUntil(const TaskConfig& config, const Prompts& prompts)
      : config_(config), prompts_(prompts) {}

  std::vector<Request> requests(const Document& doc) const override {
    const GenerationConfig& generation = config_.generation;
    return {Generate{.context = prompts_.context(doc),
                     .until = generation.until,
                     .max_tokens = generation.max_tokens,
                     .temperature = generation.temperature,
                     .top_k = generation.top_k,
                     .top_p = generation.top_p,
                     .samples = generation.samples,
                     .seed = generation.seed}};
  }

  std::vector<Item> score(const Document& doc, const std::vector<Answer>& answers) const override {
    EH_ASSERT(answers.size() == 1 && !answers[0].texts.empty());
    const std::vector<std::string> right = right_answers(doc);
    std::vector<Item> items;
    for (const FilterChain& filter : config_.filters) {
      const std::string given = filter.apply(answers[0].texts, doc);
      for (const MetricConfig& metric : config_.metrics) {
        bool same = false;
        for (const std::string& reference : right) same |= metric.match.same(given, reference);
        items.push_back({cat(metric.name, ",", filter.name()), same ? 1.0 : 0.0, 1, given});
      }
    }
    return items;
  }

 private:
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

KindPtr make_generate(const TaskConfig& config, const Prompts& prompts) {
  return std::make_unique<GenerateUntil>(config, prompts);
}

}  // namespace evalharness
