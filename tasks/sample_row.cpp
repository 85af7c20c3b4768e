#include "tasks/sample_row.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/kind.h"

namespace evalharness {
namespace {

constexpr size_t kMostTries = 20000;
constexpr size_t kText = 0, kNumber = 1;  // places among the values that a column may hold

Mentions mentions_of(const TaskConfig& config) {
  Mentions mentions;
  const FewshotConfig& shot = config.fewshot;
  for (const std::optional<Field>* field :
       {&config.doc_to_text, &config.doc_to_target, &config.doc_to_choice, &config.description,
        &config.gen_prefix, &config.counted_text, &shot.doc_to_text, &shot.doc_to_target,
        &shot.doc_to_choice, &shot.gen_prefix})
    if (*field) (*field)->add_mentions(mentions);
  return mentions;
}

Value map_of(const std::set<std::string>& members, const Value& value) {
  Value map{Value::Map{}};
  for (const std::string& member : members) map.set(member, value);
  return map;
}

// What a column may hold, the likeliest first.
std::vector<Value> values_for(const Mentions& mentions) {
  const Value text = "A sample text.";
  const Value texts = Value::List{"first text", "second text", "third text", "fourth text", "fifth text"};
  std::vector<Value> values = {text, 0, texts};  // in this order: kText, kNumber, ..
  if (!mentions.members.empty()) {
    const Value map = map_of(mentions.members, text);
    values.push_back(map);
    values.push_back(map_of(mentions.members, texts));
    values.push_back(Value::List{map, map, map, map});
    values.push_back(map_of(mentions.members, 0));
    values.push_back(map_of(mentions.members, Value::List{texts}));
  }
  for (const std::string& constant : mentions.strings)
    if (!constant.empty() && constant.size() <= 24) values.push_back(constant);
  values.insert(values.end(), {"first text", "['first text', 'second text']", "A", 1.5, true,
                               Value::List{0, 1, 2, 3}, Value::List{texts, texts}, nullptr});
  return values;
}

class Trial {
 public:
  explicit Trial(TaskConfig config)
      : config_(std::move(config)),
        mentions_(mentions_of(config_)),
        columns_(mentions_.columns.begin(), mentions_.columns.end()),
        values_(values_for(mentions_)) {
    config_.transforms = {};
    config_.fewshot.transforms = {};
    config_.fewshot.indices.clear();
  }

  SampleRow run() {
    std::vector<size_t> chosen;
    for (const std::string& column : columns_) chosen.push_back(mentions_.bounds.count(column) ? kNumber : kText);
    const std::string error = ask(chosen);
    if (error.empty()) return std::move(found_);
    // One column of another type, then two, then three.
    for (size_t changed = 1; changed <= std::min<size_t>(3, columns_.size()); ++changed)
      if (search(chosen, 0, changed)) return std::move(found_);
    return {error, {}, {}};
  }

 private:
  bool search(std::vector<size_t>& chosen, size_t from, size_t changed) {
    if (changed == 0) return ask(chosen).empty();
    for (size_t column = from; column + changed <= columns_.size(); ++column) {
      const size_t likeliest = chosen[column];
      for (size_t value = 0; value < values_.size() && tries_ < kMostTries; ++value) {
        chosen[column] = value;
        if (value != likeliest && search(chosen, column + 1, changed - 1)) return true;
      }
      chosen[column] = likeliest;
    }
    return false;
  }

  // Rows differ in a column that no field names, so that the question is not among its examples.
  Document row(const std::vector<size_t>& chosen, size_t number) const {
    Value fields{Value::Map{}};
    for (size_t i = 0; i < columns_.size(); ++i) fields.set(columns_[i], values_[chosen[i]]);
    fields.set(" number", number);
    return {std::move(fields), cat("sample row ", number)};
  }

  std::string ask(const std::vector<size_t>& chosen) {
    ++tries_;
    try {
      std::vector<Document> pool;
      for (size_t i = 0; i <= config_.fewshot.count; ++i) pool.push_back(row(chosen, i + 1));
      const std::vector<Document> question = {row(chosen, 0)};
      Prompts prompts(config_);
      prompts.prepare(question, pool);
      const KindPtr kind = make_kind(config_, prompts);
      kind->check(question[0]);
      found_.requests = kind->requests(question[0]);
      found_.row = question[0].fields();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

  TaskConfig config_;
  Mentions mentions_;
  std::vector<std::string> columns_;
  std::vector<Value> values_;
  size_t tries_ = 0;
  SampleRow found_;
};

}  // namespace

SampleRow try_sample_row(TaskConfig config) { return Trial(std::move(config)).run(); }

}  // namespace evalharness
