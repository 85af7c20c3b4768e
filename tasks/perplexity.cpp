// Perplexity of a corpus by the protocols of compression papers. All rows become one text, so there
// is one document and one request; its windows are the items.

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/kind.h"

namespace evalharness {
namespace {

class CorpusPerplexity final : public Task {
 public:
  explicit CorpusPerplexity(TaskConfig config)
      : config_(std::move(config)), info_(info_of(config_)), protocol_(config_.protocol) {}

  const TaskInfo& info() const override { return info_; }

  // `limit` counts windows.
  TaskDocuments documents(const Dataset& data, const Dataset&, const Limit& limit) override {
    protocol_.max_windows = limit.count;
    const std::vector<Document> rows = config_.transforms.apply(data.documents);
    std::vector<std::string> texts;
    for (const Document& row : rows) {
      if (config_.max_documents > 0 && texts.size() == config_.max_documents) break;
      texts.push_back(config_.doc_to_target->text(row));
    }
    Value whole{Value::Map{}};
    whole.set("text", join(texts, config_.join));
    TaskDocuments found{{Document(std::move(whole), cat(data.name, ".", data.split))}, {0}, 1, {}};
    if (data.documents.size() > rows.size()) found.skipped["transforms"] = data.documents.size() - rows.size();
    if (rows.size() > texts.size()) found.skipped["max_documents"] = rows.size() - texts.size();
    return found;
  }

  Value target(const Document& doc) const override { return doc.at("text"); }

  std::vector<Request> requests(const Document& doc) const override {
    return {Rolling{doc.string("text"), protocol_}};
  }

  std::vector<Item> score(const Document&, const std::vector<Answer>& answers) const override {
    EH_ASSERT(answers.size() == 1);
    const Answer& answer = answers[0];
    std::vector<Item> items;
    size_t first = 0;
    for (uint32_t tokens : answer.window_tokens) {
      EH_ASSERT(first + tokens <= answer.token_log_probs.size());
      double log_prob = 0;  // double: a window has thousands of tokens
      for (size_t i = first; i < first + tokens; ++i)
        log_prob += static_cast<double>(answer.token_log_probs[i]);
      items.push_back({info_.metrics.front().key, log_prob, static_cast<double>(tokens), ""});
      first += tokens;
    }
    return items;
  }

 private:
  TaskConfig config_;
  TaskInfo info_;
  Protocol protocol_;
};

}  // namespace

TaskPtr make_perplexity(TaskConfig config) {
  return std::make_unique<CorpusPerplexity>(std::move(config));
}

}  // namespace evalharness
