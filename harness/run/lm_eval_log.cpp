#include "harness/run/lm_eval_log.h"

#include <cmath>
#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

Value empty_map() { return Value(Value::Map{}); }

// ("acc", "none") of "acc,none".
std::pair<std::string, std::string> parts_of(const std::string& key) {
  const size_t comma = key.find(',');
  return {key.substr(0, comma), comma == std::string::npos ? "none" : key.substr(comma + 1)};
}

Value generation_arguments(const Generate& request) {
  Value arguments;
  arguments.set("until", Value::List(request.until.begin(), request.until.end()));
  arguments.set("max_gen_toks", request.max_tokens);
  arguments.set("do_sample", request.temperature > 0);
  arguments.set("temperature", request.temperature);
  if (request.temperature > 0) {
    arguments.set("top_k", request.top_k);
    arguments.set("top_p", request.top_p);
    arguments.set("seed", request.seed);
  }
  return arguments;
}

Value arguments_of(const Request& request) {
  Value arguments;
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) {
    arguments.set("arg_0", pair->context);
    arguments.set("arg_1", pair->target);
  } else if (const auto* rolling = std::get_if<Rolling>(&request)) {
    arguments.set("arg_0", rolling->text);
  } else {
    const Generate& generate = std::get<Generate>(request);
    arguments.set("arg_0", generate.context);
    arguments.set("arg_1", generation_arguments(generate));
  }
  return arguments;
}

const std::string& prompt_of(const Request& request) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) return pair->context;
  if (const auto* rolling = std::get_if<Rolling>(&request)) return rolling->text;
  return std::get<Generate>(request).context;
}

// What one sample of an answer looks like: everything there is text.
Value::List responses_of(const Request& request, const Answer& answer) {
  if (std::holds_alternative<Generate>(request)) {
    Value::List texts;
    for (const std::string& text : answer.texts) texts.emplace_back(python::valid_text(text));
    return texts;
  }
  const std::string log_prob = python::str(answer.log_prob);
  if (std::holds_alternative<Rolling>(request)) return {Value(log_prob)};
  return {Value(Value::List{Value(log_prob), Value(answer.greedy ? "True" : "False")})};
}

Value number_or_text(double value) {
  return std::isfinite(value) ? Value(value) : Value(python::str(value));
}

// Of a score of the corpus what it is made of: the target and the answer.
Value score_of(const Request& request, const Item& item, const Value& target) {
  const std::string metric = parts_of(item.metric).first;
  if (metric == "bypass") return Value();
  if (!item.statistics.empty() && metric != "acc_all") {
    if (std::holds_alternative<Generate>(request))
      return Value::List{Value(python::str(target)), Value(python::valid_text(item.answer))};
    return Value::List{target, Value(static_cast<int64_t>(std::stoll(item.answer)))};
  }
  if (!std::holds_alternative<Rolling>(request)) return number_or_text(item.value);
  return Value::List{number_or_text(item.value), Value(static_cast<int64_t>(item.weight))};
}

Value estimate_value(const std::optional<double>& value) { return value ? Value(*value) : Value("N/A"); }

Value metrics_of(const std::string& name, const std::string& alias, const TaskResult& result) {
  Value metrics;
  metrics.set("name", name);
  metrics.set("alias", alias);
  metrics.set("sample_len", result.documents);
  for (const auto& [key, estimate] : result.metrics) {
    const auto [metric, filter] = parts_of(key);
    metrics.set(cat(metric, ",", filter), metric == "bypass" ? Value(999) : estimate_value(estimate.value));
    metrics.set(cat(metric, "_stderr,", filter), estimate_value(estimate.standard_error));
  }
  return metrics;
}

Value config_of(const TaskInfo& info) {
  Value config, metadata;
  config.set("task", info.name);
  config.set("dataset_path", info.dataset);
  config.set("test_split", info.split);
  config.set("fewshot_split", info.fewshot_split.empty() ? Value() : Value(info.fewshot_split));
  config.set("num_fewshot", info.num_fewshot);
  metadata.set("version", info.version);
  config.set("metadata", std::move(metadata));
  return config;
}

}  // namespace

Value logged_document(const Document& document) {
  Value fields = empty_map();
  for (const auto& [column, value] : document.fields().map())
    if (!column.starts_with('_')) fields.set(column, value);
  return fields;
}

SampleLog::SampleLog(const std::string& folder, const Task& task)
    : task_(task), path_(cat(folder, "/samples_", task.info().name, ".jsonl")) {
  std::filesystem::create_directories(folder);
  file_.open(path_, std::ios::binary | std::ios::trunc);
}

void SampleLog::add(size_t id, const Document& document, std::span<const Request> requests,
                    std::span<const Answer> answers, std::span<const Item> items) {
  EH_ASSERT(requests.size() == answers.size() && !requests.empty());
  const Value fields = logged_document(document);
  const Value target_value = task_.target(document);
  const std::string target = python::str(target_value);
  Value arguments = empty_map();
  Value::List responses, plain;  // `plain`: what passes where no filter changes it
  for (size_t i = 0; i < requests.size(); ++i) {
    arguments.set(cat("gen_args_", i), arguments_of(requests[i]));
    responses.emplace_back(responses_of(requests[i], answers[i]));
    plain.push_back(responses.back().list().front());
  }
  const std::string document_hash = sha256_hex(to_json(fields, 2));
  const std::string prompt_hash = sha256_hex(prompt_of(requests[0])), target_hash = sha256_hex(target);
  size_t i = 0;
  do {
    const std::string filter = items.empty() ? "none" : parts_of(items[i].metric).second;
    const bool generated = std::holds_alternative<Generate>(requests[0]);
    Value line, metrics{Value::List{}}, scores = empty_map();
    const Value filtered = generated && !items.empty() ? Value(Value::List{Value(python::valid_text(items[i].answer))}) : Value(plain);
    for (; i < items.size() && parts_of(items[i].metric).second == filter; ++i) {
      metrics.push(parts_of(items[i].metric).first);
      scores.set(parts_of(items[i].metric).first, score_of(requests[0], items[i], target_value));
    }
    line.set("doc_id", id);
    line.set("doc", fields);
    line.set("target", target);
    line.set("arguments", arguments);
    line.set("resps", Value(responses));
    line.set("filtered_resps", filtered);
    line.set("filter", filter);
    line.set("metrics", std::move(metrics));
    line.set("doc_hash", document_hash);
    line.set("prompt_hash", prompt_hash);
    line.set("target_hash", target_hash);
    for (auto& [metric, score] : scores.map()) line.set(metric, std::move(score));
    file_ << to_json(line) << '\n';
    for (const std::string& hash : {document_hash, prompt_hash, target_hash}) hashes_.add(hash);
  } while (i < items.size());
  file_.flush();
  if (!file_) fail(cat(path_, ": cannot write"));
}

std::string SampleLog::hash() const { return hashes_.hex(); }

std::string lm_eval_results(const std::string& model, std::span<const LoggedTask> tasks,
                            std::span<const LoggedGroup> groups) {
  Value results = empty_map(), configs = empty_map(), versions = empty_map(), shots = empty_map();
  Value better = empty_map(), samples = empty_map(), hashes = empty_map();
  for (const LoggedTask& logged : tasks) {
    const TaskInfo& info = logged.task->info();
    results.set(info.name, metrics_of(info.name, info.name, *logged.result));
    configs.set(info.name, config_of(info));
    versions.set(info.name, info.version);
    shots.set(info.name, info.num_fewshot);
    Value directions = empty_map();
    for (const TaskInfo::Metric& metric : info.metrics)
      directions.set(parts_of(metric.key).first, metric.higher_is_better);
    better.set(info.name, std::move(directions));
    samples.set(info.name, Value::Map{{"original", Value(logged.result->available)},
                                      {"effective", Value(logged.result->documents)}});
    if (!logged.samples_hash.empty()) hashes.set(info.name, logged.samples_hash);
  }
  Value aggregated = empty_map(), subtasks = empty_map();
  for (const LoggedGroup& logged : groups) {
    const TaskGroup& group = *logged.group;
    const Value metrics = metrics_of(group.name, group.alias, *logged.total);
    results.set(group.name, metrics);
    if (!group.metrics.empty()) aggregated.set(group.name, metrics);
    subtasks.set(group.name, Value::List(group.children.begin(), group.children.end()));
    versions.set(group.name, group.version.empty() ? "N/A" : group.version);
  }
  Value file;
  file.set("results", std::move(results));
  if (!aggregated.map().empty()) file.set("groups", std::move(aggregated));
  file.set("group_subtasks", std::move(subtasks));
  file.set("configs", std::move(configs));
  file.set("versions", std::move(versions));
  file.set("n-shot", std::move(shots));
  file.set("higher_is_better", std::move(better));
  file.set("n-samples", std::move(samples));
  file.set("config", Value::Map{{"model", Value("evalharness")}, {"model_args", Value(model)}});
  file.set("task_hashes", std::move(hashes));
  file.set("model_source", "evalharness");
  file.set("model_name", model);
  file.set("model_name_sanitized", replace_all(model, "/", "__"));
  return to_json(file, 2) + "\n";
}

}  // namespace evalharness
