#include "harness/run/evaluate.h"

#include <chrono>

#include "harness/base/error.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/metrics/aggregate.h"
#include "harness/metrics/paired.h"
#include "harness/base/interrupt.h"

namespace evalharness {
namespace {

// A later part of the same Rolling request.
void append(Answer& whole, const Answer& part) {
  whole.log_prob += part.log_prob;
  whole.tokens += part.tokens;
  whole.greedy = whole.greedy && part.greedy;
  whole.windows_available = part.windows_available;
  whole.truncated += part.truncated;
  whole.token_log_probs.insert(whole.token_log_probs.end(), part.token_log_probs.begin(), part.token_log_probs.end());
  whole.window_tokens.insert(whole.window_tokens.end(), part.window_tokens.begin(), part.window_tokens.end());
}

// Answers to the unit out of the journal; empty if one is missing.
std::vector<Answer> recall(const Journal& journal, JournalKey key, const Unit& unit) {
  std::vector<Answer> answers;
  for (const size_t request : unit.requests) {
    key.request = request;
    key.first_window = unit.first_window;
    const Answer* answer = journal.find(key);
    if (answer == nullptr) return {};
    answers.push_back(*answer);
  }
  return answers;
}

std::vector<Answer> answer_all(const TaskData& data, Scorer& scorer, Journal& journal, JournalKey key) {
  const std::vector<Unit> units = scorer.plan(data.requests);
  size_t total = 0;
  for (const Unit& unit : units) total += unit.cost_tokens;
  Progress progress(cat(key.variant, " ", key.task), total);
  std::vector<Answer> answers(data.requests.size());
  for (const Unit& unit : units) {
    std::vector<Answer> part = recall(journal, key, unit);
    if (part.empty()) {
      stop_if_interrupted();
      part = scorer.answer(data.requests, unit);
      for (size_t i = 0; i < part.size(); ++i) {
        key.request = unit.requests[i];
        key.first_window = unit.first_window;
        journal.add(key, request_hash(data.requests[key.request]), part[i]);
      }
    }
    for (size_t i = 0; i < part.size(); ++i) {
      Answer& whole = answers[unit.requests[i]];
      if (unit.first_window == 0)
        whole = std::move(part[i]);
      else
        append(whole, part[i]);
    }
    progress.advance(unit.cost_tokens);
  }
  return answers;
}

}  // namespace

std::string request_hash(const Request& request) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) return sha256_hex(cat(pair->context, '\0', pair->target));
  if (const auto* rolling = std::get_if<Rolling>(&request))
    return sha256_hex(cat(rolling->text, '\0', rolling->protocol.window, ' ', static_cast<int>(rolling->protocol.kind)));
  const Generate& generate = std::get<Generate>(request);
  return sha256_hex(cat(generate.context, '\0', join(generate.until, std::string_view("\0", 1)), '\0', generate.max_tokens,
                        ' ', generate.temperature, ' ', generate.samples, ' ', generate.seed));
}

TaskData prepare_task(const RunTask& config, const DataOptions& options) {
  const TaskInfo& info = config.task->info();
  TaskData data;
  data.data = load_dataset(info.dataset, info.split, options);
  Dataset shots;
  if (info.num_fewshot > 0 && !info.fewshot_split.empty())
    shots = load_dataset(info.dataset, info.fewshot_split, options);
  data.documents = config.task->documents(data.data, shots, config.limit);
  std::string hashes;
  for (const Document& document : data.documents) {
    data.first_request.push_back(data.requests.size());
    for (Request& request : config.task->requests(document)) {
      hashes += request_hash(request);
      data.requests.push_back(std::move(request));
    }
  }
  data.first_request.push_back(data.requests.size());
  data.prompts_hash = sha256_hex(hashes);
  if (data.requests.empty()) fail(cat("task ", config.name, ": no documents"));
  return data;
}

Evaluation evaluate(const RunTask& config, const TaskData& data, Scorer& scorer, Journal& journal,
                    const Subject& subject) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Answer> answers =
      answer_all(data, scorer, journal, {.variant = subject.variant, .backend = subject.backend, .task = config.name});
  Evaluation evaluation;
  TaskResult& result = evaluation.result;
  for (size_t d = 0; d < data.documents.size(); ++d) {
    const std::vector<Answer> own(answers.begin() + static_cast<ptrdiff_t>(data.first_request[d]),
                                  answers.begin() + static_cast<ptrdiff_t>(data.first_request[d + 1]));
    for (Item& item : config.task->score(data.documents[d], own)) evaluation.items[item.metric].push_back(std::move(item));
    for (const Answer& answer : own) {
      result.truncated += answer.truncated > 0;
      result.documents += answer.window_tokens.size();
      result.available += answer.windows_available;
    }
  }
  // Of a perplexity the windows count, of everything else the documents.
  if (result.documents == 0) {
    result.documents = data.documents.size();
    result.available = data.data.documents.size();
  }
  result.protocol = config.task->info().protocol;
  result.sample = data.data.sample;
  for (const TaskInfo::Metric& metric : config.task->info().metrics)
    result.metrics[metric.key] = aggregate(evaluation.items[metric.key], metric.aggregation);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return evaluation;
}

std::vector<PairResult> compare_evaluations(const RunTask& config, const std::string& backend,
                                            const Evaluation& dense, const Evaluation& compressed) {
  std::vector<PairResult> pairs;
  for (const TaskInfo::Metric& metric : config.task->info().metrics) {
    PairResult pair = compare_items(dense.items.at(metric.key), compressed.items.at(metric.key), metric.aggregation);
    pair.task = config.name;
    pair.metric = metric.key;
    pair.backend = backend;
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace evalharness
