#include "harness/run/evaluate.h"

#include <algorithm>
#include <optional>

#include "harness/base/clock.h"
#include "harness/base/error.h"
#include "harness/base/progress.h"
#include "harness/base/sha256.h"
#include "harness/base/text.h"
#include "harness/engine/encode.h"
#include "harness/metrics/aggregate.h"
#include "harness/metrics/paired.h"
#include "harness/base/interrupt.h"
#include "harness/run/lm_eval_log.h"

namespace evalharness {
namespace {

// Answers to the unit out of the journal; empty if one is missing.
std::vector<Answer> recall(const Journal& journal, JournalKey key, const Unit& unit) {
  std::vector<Answer> answers;
  for (const size_t request : unit.requests) {
    key.request = request;
    key.first_window = unit.first_window;
    std::optional<Answer> answer = journal.find(key);
    if (!answer) return {};
    answers.push_back(std::move(*answer));
  }
  return answers;
}

// Documents whose requests are planned and answered together: enough to fill batches, and few enough that memory does not
// grow with their number.
constexpr size_t kDocumentsAtOnce = 1024;

// What is asked about some documents in a row.
struct Section {
  size_t documents = 0;
  std::vector<Request> requests;
  std::vector<size_t> begin;         // of each document in `requests`, and one past the last
  std::vector<Answer> answers;       // in the order of the requests

  template <class T>
  std::span<const T> of(const std::vector<T>& all, size_t document) const {
    return std::span(all).subspan(begin[document], begin[document + 1] - begin[document]);
  }
};

Section make_section(const Task& task, const TaskData& data, size_t first_document) {
  Section section{std::min(kDocumentsAtOnce, data.documents.asked.size() - first_document), {}, {0}, {}};
  for (size_t d = 0; d < section.documents; ++d) {
    for (Request& request : task.requests(data.documents.asked[first_document + d]))
      section.requests.push_back(std::move(request));
    section.begin.push_back(section.requests.size());
  }
  return section;
}

Dataset load_rows(const TaskInfo& info, const std::string& split, const DataOptions& options) {
  return info.files.place.empty() ? load_dataset(info.dataset, split, options) : load_row_files(info.files, split);
}

}  // namespace

void add_part(Answer& whole, Answer part, const Unit& unit) {
  if (unit.first_window == 0) {
    whole = std::move(part);
    return;
  }
  whole.log_prob += part.log_prob;
  whole.tokens += part.tokens;
  whole.greedy = whole.greedy && part.greedy;
  whole.windows_available = part.windows_available;
  whole.truncated += part.truncated;
  whole.token_log_probs.insert(whole.token_log_probs.end(), part.token_log_probs.begin(), part.token_log_probs.end());
  whole.window_tokens.insert(whole.window_tokens.end(), part.window_tokens.begin(), part.window_tokens.end());
}

std::vector<Answer> answer_requests(std::span<const Request> requests, size_t first_request, Scorer& scorer, Journal& journal,
                                    JournalKey key, ProgressShare share) {
  const std::vector<Unit> units = scorer.plan(requests);
  size_t total = 0, done = 0, shown = 0;
  for (const Unit& unit : units) total += unit.cost_tokens;
  std::vector<Answer> answers(requests.size());
  for (const Unit& unit : units) {
    // The journal counts over all requests of the task.
    Unit global = unit;
    for (size_t& request : global.requests) request += first_request;
    std::vector<Answer> part = recall(journal, key, global);
    if (part.empty()) {
      stop_if_interrupted();
      part = scorer.answer(requests, unit);
      for (size_t i = 0; i < part.size(); ++i) {
        key.request = global.requests[i];
        key.first_window = unit.first_window;
        journal.add(key, request_hash(requests[unit.requests[i]]), part[i]);
      }
    }
    for (size_t i = 0; i < part.size(); ++i) add_part(answers[unit.requests[i]], std::move(part[i]), unit);
    done += unit.cost_tokens;
    const size_t now = total == 0 ? 0 : share.amount * done / total;
    share.progress.advance(now - shown);
    shown = now;
  }
  return answers;
}

std::string request_hash(const Request& request) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request)) return sha256_hex(cat(pair->context, '\0', pair->target));
  if (const auto* rolling = std::get_if<Rolling>(&request))
    return sha256_hex(cat(rolling->text, '\0', rolling->protocol.window, ' ', static_cast<int>(rolling->protocol.kind), ' ',
                          rolling->protocol.max_windows, ' ', rolling->protocol.max_tokens));
  const Generate& generate = std::get<Generate>(request);
  const std::string sampling = generate.temperature == 0 ? "" : cat(' ', generate.top_k, ' ', generate.top_p);
  return sha256_hex(cat(generate.context, '\0', join(generate.until, std::string_view("\0", 1)), '\0', generate.max_tokens,
                        ' ', generate.temperature, ' ', generate.samples, ' ', generate.seed, sampling));
}

void check_fits(const RunTask& config, const Request& request, size_t context) {
  try {
    check_room(request, context);
  } catch (const Error& error) {
    fail(cat("task ", config.name, ": ", error.what()));
  }
}

TaskData prepare_task(const RunTask& config, const DataOptions& options, size_t context) {
  const TaskInfo& info = config.task->info();
  TaskData data;
  data.data = load_rows(info, info.split, options);
  Dataset shots;
  if (info.num_fewshot > 0 && !info.fewshot_split.empty())
    shots = load_rows(info, info.fewshot_split, options);
  data.documents = config.task->documents(data.data, shots, config.limit);
  data.data.documents = {};
  data.data.sample = data.data.sample || shots.sample;
  Sha256 hashes;
  for (const Document& document : data.documents.asked)
    for (const Request& request : config.task->requests(document)) {
      check_fits(config, request, context);
      hashes.add(request_hash(request));
      ++data.requests;
      if (const auto* rolling = std::get_if<Rolling>(&request)) data.protocol = rolling->protocol;
    }
  data.prompts_hash = hashes.hex();
  if (data.requests == 0)
    fail(cat("task ", config.name, ": no documents of ", data.data.path, data.documents.available > 0 ? " within the limit" : ""));
  return data;
}

Evaluation evaluate(const RunTask& config, const TaskData& data, Scorer& scorer, Journal& journal,
                    const Subject& subject) {
  const double start = steady_seconds();
  const JournalKey key{.variant = subject.variant, .backend = subject.backend, .task = config.name};
  const std::vector<Document>& documents = data.documents.asked;
  Evaluation evaluation;
  TaskResult& result = evaluation.result;
  std::optional<SampleLog> log;
  // A corpus that was joined for its windows is no document that a viewer could show.
  const bool corpus = data.protocol && data.protocol->kind != Protocol::Kind::kLmEval;
  if (!subject.samples.empty() && !corpus) log.emplace(subject.samples, *config.task);
  Progress progress(cat(subject.variant, " ", subject.place, subject.place.empty() ? "" : " ", config.name), 1000 * documents.size());
  for (size_t first = 0, requests = 0; first < documents.size();) {
    Section section = make_section(*config.task, data, first);
    // In thousandths of documents, since nobody knows the tokens of sections to come.
    section.answers =
        answer_requests(section.requests, requests, scorer, journal, key, {progress, 1000 * section.documents});
    for (size_t d = 0; d < section.documents; ++d) {
      const std::span<const Answer> own = section.of(section.answers, d);
      std::vector<Item> items = config.task->score(documents[first + d], {own.begin(), own.end()});
      if (log) log->add(data.documents.ids[first + d], documents[first + d], section.of(section.requests, d), own, items);
      for (Item& item : items) {
        std::vector<Item>& all = evaluation.items[item.metric];
        if (all.empty()) all.reserve(documents.size());  // growing would hold them twice
        item.metric = {};  // the key says it: an item a document stays in memory
        all.push_back(std::move(item));
      }
      for (const Answer& answer : own) {
        result.truncated += answer.truncated > 0;
        result.unfinished += answer.unfinished;
        result.saved_tokens += answer.saved;
        result.documents += answer.window_tokens.size();
        result.available += answer.windows_available;
      }
    }
    first += section.documents;
    requests += section.requests.size();
  }
  // Of a perplexity the windows count, of everything else the documents.
  if (!corpus) {
    result.documents = documents.size();
    result.available = data.documents.available;
  }
  result.protocol = config.task->info().protocol;
  result.sample = data.data.sample;
  result.skipped = data.documents.skipped;
  for (const TaskInfo::Metric& metric : config.task->info().metrics) {
    const std::vector<Item>& items = evaluation.items[metric.key];
    result.metrics[metric.key] = aggregate(items, metric.aggregation);
    const auto lost = static_cast<size_t>(std::ranges::count(items, false, &Item::extracted));
    if (lost > 0) result.unextracted[metric.key.substr(metric.key.rfind(',') + 1)] = lost;
  }
  if (log) evaluation.samples_hash = log->hash();
  result.seconds = steady_seconds() - start;
  return evaluation;
}

std::vector<PairResult> compare_evaluations(const RunTask& config, const std::string& backend,
                                            const Evaluation& dense, const Evaluation& compressed) {
  std::vector<PairResult> pairs;
  for (const TaskInfo::Metric& metric : config.task->info().metrics) {
    PairResult pair = compare_items(metric.key, dense.items.at(metric.key), compressed.items.at(metric.key), metric.aggregation);
    pair.task = config.name;
    pair.metric = metric.key;
    pair.backend = backend;
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace evalharness
