#include "tasks/prompt.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

constexpr uint64_t kFewshotSeed = 1234;

bool starts_with_space(const std::string& text) {
  return !text.empty() && is_unicode_whitespace(decode_utf8(text).front());
}
bool ends_with_space(const std::string& text) {
  return !text.empty() && is_unicode_whitespace(decode_utf8(text).back());
}

bool meet_bare(const std::string& a, const std::string& b) {
  return !a.empty() && !b.empty() && !ends_with_space(a) && !starts_with_space(b);
}

// Two pieces with a delimiter between, unless whitespace stands there or one is empty.
std::string delimited(const std::string& a, const std::string& b, const std::string& delimiter) {
  return a + (meet_bare(a, b) ? delimiter : "") + b;
}

std::string question_text(const Document& doc, const Field& field, const Value& value) {
  if (!value.is_string())
    fail(cat(doc.where(), ": ", field.where(), ": expected a string, got ", value.type_name()));
  return value.string();
}

struct Delimiters {
  std::string target, fewshot;
};

// A question and, where there is one, its answer or the prefix that the answer starts with. An empty
// answer leaves the question alone.
std::vector<Message> turn(const std::string& question, const std::string& answer,
                          const std::string& gen_prefix, const Delimiters& delimiters) {
  const bool delimit = gen_prefix.empty() ? !answer.empty() : meet_bare(question, gen_prefix);
  std::vector<Message> messages = {{"user", question, delimit ? delimiters.target : ""}};
  if (!answer.empty())
    messages.push_back({"assistant", delimited(gen_prefix, answer, " "), delimiters.fewshot});
  else if (!gen_prefix.empty())
    messages.push_back({"assistant", gen_prefix});
  return messages;
}

class Sampler {
 public:
  Sampler(const TaskConfig& task, const std::vector<Document>& pool)
      : config_(task.fewshot), random_(kFewshotSeed), name_(task.name) {
    if (config_.indices.empty()) {
      for (const Document& doc : pool) pool_.push_back(&doc);
    } else {
      for (size_t i : config_.indices) {
        if (i >= pool.size())
          fail(cat(config_.indices_place, ": expected rows below ", pool.size(), ", got ", i));
        pool_.push_back(&pool[i]);
      }
    }
  }

  std::vector<const Document*> draw(const Document& doc) {
    const size_t n = config_.count;
    if (config_.sampler == FewshotConfig::Sampler::kKeyed) random_ = PythonRandom(key_of(doc));
    if (config_.sampler == FewshotConfig::Sampler::kFirstN) return first(without(pool_, doc), n);
    if (!config_.drop_document) return sample(pool_, n);
    std::vector<const Document*> drawn = without(sample(pool_, n + 1), doc);
    // The pool may hold the document twice: then too few are left, and the draw is made again.
    if (drawn.size() < n) return sample(without(pool_, doc), n);
    return first(drawn, n);
  }

 private:
  using Documents = std::vector<const Document*>;

  uint64_t key_of(const Document& doc) const {
    return Rng(kFewshotSeed, cat("tasks.fewshot ", name_, " ", to_json(doc.fields()))).next();
  }

  Documents without(const Documents& from, const Document& doc) const {
    if (!config_.drop_document) return from;
    Documents kept;
    for (const Document* candidate : from)
      if (!python::equal(candidate->fields(), doc.fields())) kept.push_back(candidate);
    return kept;
  }

  Documents first(const Documents& from, size_t n) const {
    require(from, n);
    return {from.begin(), from.begin() + static_cast<std::ptrdiff_t>(n)};
  }

  Documents sample(const Documents& from, size_t n) {
    require(from, n);
    Documents drawn;
    for (size_t i : random_.sample(from.size(), n)) drawn.push_back(from[i]);
    return drawn;
  }

  void require(const Documents& from, size_t n) const {
    if (from.size() < n)
      fail(cat(config_.count_place, ": expected a pool of at least ", n, " rows, got ",
               from.size()));
  }

  const FewshotConfig& config_;
  PythonRandom random_;
  std::string name_;
  Documents pool_;
};

}  // namespace

void Prompts::prepare(const std::vector<Document>& documents, std::vector<Document> pool) {
  shots_.clear();
  if (config_.fewshot.count == 0) return;
  pool_ = config_.fewshot.split.empty() ? config_.fewshot.samples : std::move(pool);
  Sampler sampler(config_, pool_);
  for (const Document& doc : documents)
    if (!shots_.emplace(doc.where(), sampler.draw(doc)).second)
      fail(cat(doc.where(), ": two documents have this place"));
}

std::vector<Message> Prompts::before(const Document& doc) const {
  const std::string system =
      delimited(chat_.system_instruction, config_.description ? config_.description->text(doc) : "",
                config_.fewshot_delimiter);
  std::vector<Message> messages;
  if (!system.empty()) messages.push_back({"system", system});
  if (config_.fewshot.count == 0) return messages;
  const auto found = shots_.find(doc.where());
  EH_ASSERT(found != shots_.end());
  for (const Document* shot : found->second)
    for (Message& message : example(*shot)) messages.push_back(std::move(message));
  return messages;
}

// A question with its answer.
std::vector<Message> Prompts::example(const Document& doc) const {
  const FewshotConfig& shot = config_.fewshot;
  const bool has_choices = config_.doc_to_choice.has_value();
  const std::vector<std::string> choices =
      shot.doc_to_choice ? choices_of(*shot.doc_to_choice, doc) : std::vector<std::string>{};
  const auto choice = [&](const Value& index, const Field& field) {
    const size_t i = static_cast<size_t>(index.integer());
    if (index.integer() < 0 || i >= choices.size())
      fail(cat(doc.where(), ": ", field.where(), ": expected a choice below ", choices.size(),
               ", got ", index.integer()));
    return choices[i];
  };
  const Value question = text_or_index(*shot.doc_to_text, doc, has_choices);
  const Value target = target_of(*shot.doc_to_target, doc, has_choices);
  const std::string text = question.is_int() && !choices.empty()
                               ? choice(question, *shot.doc_to_text)
                               : question_text(doc, *shot.doc_to_text, question);
  const bool by_choice = target.is_int() && !choices.empty() && !question.is_int();
  const Value answer = by_choice ? Value(choice(target, *shot.doc_to_target))
                       : target.is_list() && !target.list().empty() ? target.list().front()
                                                                    : target;
  const std::string answer_text =
      answer.is_null() ? "" : question_text(doc, *shot.doc_to_target, answer);
  return turn(text, answer_text, shot.gen_prefix ? shot.gen_prefix->text(doc) : "",
              {shot.target_delimiter, shot.fewshot_delimiter});
}

std::string Prompts::context(const Document& doc) const {
  const Value question =
      text_or_index(*config_.doc_to_text, doc, config_.doc_to_choice.has_value());
  std::vector<Message> messages = before(doc);
  for (Message& message :
       turn(question_text(doc, *config_.doc_to_text, question), "",
            config_.gen_prefix ? config_.gen_prefix->text(doc) : "", {config_.target_delimiter, ""}))
    messages.push_back(std::move(message));
  return chat_.write(std::move(messages));
}

std::vector<std::string> Prompts::contexts_of_choices(const Document& doc) const {
  const std::vector<Message> shared = before(doc);
  const std::string gen_prefix = config_.gen_prefix ? config_.gen_prefix->text(doc) : "";
  std::vector<std::string> contexts;
  for (const std::string& choice : choices_of(*config_.doc_to_choice, doc)) {
    std::vector<Message> messages = shared;
    for (Message& message : turn(choice, "", gen_prefix, {"", ""}))
      messages.push_back(std::move(message));
    contexts.push_back(chat_.write(std::move(messages)));
  }
  return contexts;
}

const std::string& Prompts::choice_delimiter() const {
  static const std::string kNone;
  return !chat_.form || config_.gen_prefix_is_bare ? config_.target_delimiter : kNone;
}

}  // namespace evalharness
