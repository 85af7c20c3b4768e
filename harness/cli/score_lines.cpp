#include "harness/cli/score_lines.h"

#include <algorithm>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/run/evaluate.h"

namespace evalharness {
namespace {

// Fields of one request line, each read once; what was not read is unknown.
class RequestLine {
 public:
  RequestLine(const std::string& json, std::string where) : value_(parse_json(json, where)), where_(std::move(where)) {
    if (!value_.is_map()) fail(cat(where_, ": expected an object, got ", value_.type_name()));
  }
  bool has(const std::string& key) const { return value_.find(key) != nullptr; }
  std::string string(const std::string& key) const {
    const Value* value = value_.find(key);
    if (value == nullptr) fail(cat(where_, ": missing key '", key, "'"));
    if (!value->is_string()) fail(cat(where_, ": ", key, ": expected a string, got ", value->type_name()));
    return value->string();
  }
  std::vector<std::string> strings(const std::string& key) const {
    const Value* value = value_.find(key);
    if (value == nullptr) return {};
    if (!value->is_list()) fail(cat(where_, ": ", key, ": expected a list of strings, got ", value->type_name()));
    std::vector<std::string> items;
    for (const Value& item : value->list()) {
      if (!item.is_string()) fail(cat(where_, ": ", key, ": expected a list of strings, got one with ", item.type_name()));
      items.push_back(item.string());
    }
    return items;
  }
  size_t count(const std::string& key, size_t fallback) const {
    const Value* value = value_.find(key);
    if (value == nullptr) return fallback;
    if (!value->is_int() || value->integer() < 1)
      fail(cat(where_, ": ", key, ": expected a positive integer, got ", to_json(*value)));
    return static_cast<size_t>(value->integer());
  }
  void allow(const std::vector<std::string>& keys) const {
    for (const auto& [key, value] : value_.map())
      if (std::ranges::find(keys, key) == keys.end())
        fail(cat(where_, ": ", key, ": unknown key", did_you_mean(key, keys)));
  }

 private:
  Value value_;
  std::string where_;
};

Request parse_request(const std::string& json, const std::string& where) {
  const RequestLine line(json, where);
  if (line.has("rolling")) {
    line.allow({"rolling"});
    return Rolling{line.string("rolling"), {.kind = Protocol::Kind::kLmEval, .window = 0, .max_windows = 0, .max_tokens = 0}};
  }
  if (line.has("target")) {
    line.allow({"context", "target"});
    return LogLikelihood{line.string("context"), line.string("target")};
  }
  line.allow({"context", "target", "until", "max_tokens", "rolling"});
  return Generate{.context = line.string("context"), .until = line.strings("until"), .max_tokens = line.count("max_tokens", 256)};
}

Value answer_value(const Request& request, const Answer& answer, bool token_log_probs) {
  Value value;
  if (std::holds_alternative<Generate>(request)) {
    value.set("text", answer.texts.front());
    value.set("tokens", answer.tokens);
    return value;
  }
  value.set("log_prob", answer.log_prob);
  value.set("tokens", answer.tokens);
  if (std::holds_alternative<LogLikelihood>(request)) value.set("greedy", answer.greedy);
  if (token_log_probs) {
    Value list{Value::List{}};
    for (const float x : answer.token_log_probs) list.push(static_cast<double>(x));
    value.set("token_log_probs", std::move(list));
  }
  return value;
}

constexpr size_t kLinesAtOnce = 64;  // batched together; answers come in order

}  // namespace

void score_lines(std::istream& in, std::ostream& out, Scorer& scorer, bool token_log_probs) {
  std::string line;
  size_t row = 0;
  for (bool more = true; more;) {
    std::vector<Request> requests;
    while (requests.size() < kLinesAtOnce && (more = static_cast<bool>(std::getline(in, line))))
      requests.push_back(parse_request(line, cat("stdin:", ++row)));
    std::vector<Answer> answers(requests.size());
    for (const Unit& unit : scorer.plan(requests)) {
      std::vector<Answer> part = scorer.answer(requests, unit);
      for (size_t i = 0; i < part.size(); ++i) add_part(answers[unit.requests[i]], std::move(part[i]), unit);
    }
    for (size_t i = 0; i < requests.size(); ++i)
      out << to_json(answer_value(requests[i], answers[i], token_log_probs)) << '\n';
    out.flush();
  }
}

}  // namespace evalharness
