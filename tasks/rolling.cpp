// The log-likelihood of whole documents, per word and per byte of the text.

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/kind.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

class RollingDocuments final : public Kind {
 public:
  explicit RollingDocuments(const TaskConfig& config) : config_(config) {}

  std::vector<Request> requests(const Document& doc) const override {
    return {
        Rolling{text(doc),
                {.kind = Protocol::Kind::kLmEval, .window = 0, .max_windows = 0, .max_tokens = 0}}};
  }

  std::vector<Item> score(const Document& doc, const std::vector<Answer>& answers) const override {
    EH_ASSERT(answers.size() == 1);
    const std::string whole = config_.counted_text ? config_.counted_text->text(doc) : text(doc);
    const double words = static_cast<double>(python::count_words(whole));
    const double bytes = static_cast<double>(whole.size());
    std::vector<Item> items;
    for (const FilterChain& filter : config_.filters)
      for (const MetricConfig& metric : config_.metrics)
        items.push_back({cat(metric.name, ",", filter.name()), answers[0].log_prob,
                         metric.name == "word_perplexity" ? words : bytes, ""});
    return items;
  }

 private:
  std::string text(const Document& doc) const {
    return python::str(target_of(*config_.doc_to_target, doc, config_.doc_to_choice.has_value()));
  }

  const TaskConfig& config_;
};

}  // namespace

KindPtr make_rolling(const TaskConfig& config) {
  return std::make_unique<RollingDocuments>(config);
}

}  // namespace evalharness
