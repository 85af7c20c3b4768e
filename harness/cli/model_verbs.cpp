// tokenize, score: the tokenizer and the engine as Unix filters; bench.

#include <algorithm>
#include <iostream>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/cli/verbs.h"
#include "harness/engine/model_scorer.h"
#include "harness/run/model_list.h"

namespace evalharness {
namespace {

std::string ids_json(const std::vector<int32_t>& ids) {
  Value list{Value::List{}};
  for (const int32_t id : ids) list.push(id);
  return to_json(list);
}

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
  if (line.has("target")) {
    line.allow({"context", "target"});
    return LogLikelihood{line.string("context"), line.string("target")};
  }
  line.allow({"context", "target", "until", "max_tokens"});
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
  value.set("greedy", answer.greedy);
  if (token_log_probs) {
    Value list{Value::List{}};
    for (const float x : answer.token_log_probs) list.push(static_cast<double>(x));
    value.set("token_log_probs", std::move(list));
  }
  return value;
}

Dtype parse_dtype(const std::string& name) {
  if (name != "bf16" && name != "f32") fail(cat("--dtype: expected one of bf16, f32, got '", name, "'"));
  return name == "bf16" ? Dtype::bf16 : Dtype::f32;
}

constexpr size_t kLinesAtOnce = 64;  // batched together; answers come in order

}  // namespace

int tokenize_verb(const ModelArguments& arguments, const std::vector<std::string>& text) {
  const auto tokenizer = open_tokenizer(resolve_model(arguments.model, arguments.offline));
  for (const std::string& one : text) std::cout << ids_json(tokenizer->encode(one)) << '\n';
  if (!text.empty()) return 0;
  std::string line;
  for (size_t row = 1; std::getline(std::cin, line); ++row) {
    const Value value = parse_json(line, cat("stdin:", row));
    if (!value.is_string()) fail(cat("stdin:", row, ": expected a JSON string, got ", value.type_name()));
    std::cout << ids_json(tokenizer->encode(value.string())) << '\n';
  }
  return 0;
}

int score_verb(const ModelArguments& arguments, bool token_log_probs) {
  const std::string path = resolve_model(arguments.model, arguments.offline);
  const auto tokenizer = open_tokenizer(path);
  const Model model = load_model(*open_checkpoint(path), parse_dtype(arguments.dtype));
  const auto backend = make_cpu_backend({.isa = best_isa(), .gemm = gemm_library(arguments.gemm)});
  Transformer transformer(model, *backend);
  ModelScorer scorer(transformer, *tokenizer, {});
  std::string line;
  size_t row = 0;
  for (bool more = true; more;) {
    std::vector<Request> requests;
    while (requests.size() < kLinesAtOnce && (more = static_cast<bool>(std::getline(std::cin, line))))
      requests.push_back(parse_request(line, cat("stdin:", ++row)));
    std::vector<Answer> answers(requests.size());
    for (const Unit& unit : scorer.plan(requests)) {
      std::vector<Answer> part = scorer.answer(requests, unit);
      for (size_t i = 0; i < part.size(); ++i) answers[unit.requests[i]] = std::move(part[i]);
    }
    for (size_t i = 0; i < requests.size(); ++i)
      std::cout << to_json(answer_value(requests[i], answers[i], token_log_probs)) << '\n';
    std::cout.flush();
  }
  return 0;
}

int bench_verb(const BenchConfig& config, const std::string& output) {
  bench_text({}, output);  // a wrong name costs a second, not the whole measurement
  watch_interrupts();
  std::cout << bench_text(bench(config), output);
  return 0;
}

}  // namespace evalharness
