#include "harness/run/agreement.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/metrics/aggregate.h"
#include "harness/metrics/rouge.h"
#include "harness/model/json_fields.h"
#include "harness/run/judge.h"

namespace evalharness {
namespace {

const std::vector<std::string> kMetrics = {"rougeL", "exact_match", "length_ratio", "kl_divergence"};

// A document that both models answered.
struct Compared {
  size_t id = 0;  // its row in the split
  std::string question, dense, compressed;
  Value scores;  // metric -> number (map)
};

std::string written(const Journal& journal, const JournalKey& key) {
  const std::optional<Answer> answer = journal.find(key);
  EH_ASSERT(answer && answer->texts.size() == 1);
  return answer->texts.front();
}

std::vector<Compared> compared_documents(const RunTask& task, const TaskData& data, const Journal& journal,
                                         const std::string& backend) {
  std::vector<Compared> compared;
  for (size_t d = 0; d < data.documents.asked.size(); ++d) {
    const std::vector<Request> requests = task.task->requests(data.documents.asked[d]);
    EH_ASSERT(requests.size() == 1);
    JournalKey key{.variant = "dense", .backend = backend, .task = task.name, .request = d};
    std::string dense = written(journal, key);
    if (is_blank(dense)) continue;
    key.variant = "compressed";
    compared.push_back({data.documents.ids[d], std::get<Generate>(requests[0]).context, std::move(dense),
                        written(journal, key), {}});
  }
  return compared;
}

double characters(const std::string& text) { return static_cast<double>(decode_utf8(strip(text)).size()); }

double mean_of(const std::vector<float>& values) {
  double sum = 0;
  for (const float x : values) sum += static_cast<double>(x);
  return sum / static_cast<double>(values.size());
}

void score(Compared& document, const Answer& along) {
  document.scores.set("rougeL", rouge_l(document.dense, document.compressed).f_measure);
  document.scores.set("exact_match", strip(document.compressed) == strip(document.dense) ? 1.0 : 0.0);
  document.scores.set("length_ratio", characters(document.compressed) / characters(document.dense));
  document.scores.set("kl_divergence", mean_of(along.token_divergences));
}

Value judge(std::vector<Compared>& compared, const std::string& command, const std::string& path) {
  std::vector<JudgedAnswer> answers;
  for (const Compared& c : compared) answers.push_back({c.id, c.question, c.compressed, c.dense});
  const Judgement judgement = judge_answers(command, answers, path);
  for (size_t i = 0; i < compared.size(); ++i) compared[i].scores.set("judge", judgement.scores[i]);
  return Value::Map{{"command", Value(command)},
                    {"answers", Value(compared.size())},
                    {"output_sha256", Value(judgement.output_sha256)}};
}

Estimate mean_over(const std::vector<Compared>& compared, const std::string& metric) {
  std::vector<Item> items;
  for (const Compared& c : compared) items.push_back({metric, c.scores.find(metric)->number(), 1, ""});
  return aggregate(items, "mean");
}

std::string log_path(const std::string& folder, const std::string& task) {
  return cat(folder, "/agreement_", task, ".jsonl");
}

std::string log_lines(const std::vector<Compared>& compared) {
  std::string lines;
  for (const Compared& c : compared) {
    Value line = Value::Map{{"id", Value(c.id)}, {"question", Value(c.question)}, {"answer", Value(c.compressed)},
                            {"reference", Value(c.dense)}};
    for (const auto& [metric, value] : c.scores.map())
      line.set(metric, std::isfinite(value.number()) ? value : Value(number_text(value.number())));
    lines += to_json(line) + "\n";
  }
  return lines;
}

// As log_lines() writes it.
double recorded_score(const JsonFields& line, const std::string& metric) {
  const Value& value = line.at(metric);
  if (value.is_string() && (value.string() == "nan" || value.string() == "inf" || value.string() == "-inf"))
    return std::numeric_limits<double>::quiet_NaN();
  return line.number(metric);
}

}  // namespace

Value measure_agreement(const RunTask& task, const TaskData& data, Scorer& pair, Journal& journal,
                        const AgreementOptions& options, TaskResult& compressed) {
  std::vector<Compared> documents = compared_documents(task, data, journal, options.backend);
  std::vector<Request> requests;
  for (const Compared& c : documents) requests.push_back(LogLikelihood{c.question, c.dense});
  Progress progress(cat("agreement ", task.name), 1000 * documents.size());
  const std::vector<Answer> along =
      answer_requests(requests, 0, pair, journal, {.variant = "pair", .backend = options.backend, .task = task.name},
                      {progress, 1000 * documents.size()});
  for (size_t i = 0; i < documents.size(); ++i) score(documents[i], along[i]);

  std::vector<std::string> metrics = kMetrics;
  Value judged;
  if (!options.judge.empty()) {
    judged = judge(documents, options.judge, cat(options.folder, "/agreement_", task.name, "_judge"));
    metrics.emplace_back("judge");
  }
  for (const std::string& metric : metrics) compressed.metrics[metric + ",none"] = mean_over(documents, metric);
  const auto is_empty = [](const Compared& c) { return is_blank(c.compressed); };
  if (const auto empty = std::ranges::count_if(documents, is_empty); empty > 0) compressed.unextracted["none"] = static_cast<size_t>(empty);
  const size_t empty = data.documents.asked.size() - documents.size();
  if (empty > 0) compressed.skipped["empty dense answers"] = empty;
  write_text(log_path(options.folder, task.name), log_lines(documents));
  return judged;
}

void leave_agreement_empty(const std::string& reason, TaskResult& result) {
  for (const std::string& metric : kMetrics) result.metrics[metric + ",none"] = Estimate::missing(reason);
}

std::optional<RecordedAgreement> recorded_agreement(const std::string& folder, const std::string& task) {
  const std::string path = log_path(folder, task);
  if (!std::filesystem::exists(path)) return std::nullopt;
  RecordedAgreement recorded;
  std::vector<std::string> metrics = kMetrics;
  for (const std::string& text : split(rstrip(read_text(path)), "\n")) {
    if (text.empty()) continue;  // of a dense model that answered nothing
    const std::string where = cat(path, ":", recorded.ids.size() + 1);
    const Value line = parse_json(text, where);
    const JsonFields fields(line, where);
    if (recorded.ids.empty() && fields.find("judge") != nullptr) metrics.emplace_back("judge");
    recorded.ids.push_back(fields.count("id"));
    recorded.references.push_back(fields.text("reference"));
    for (const std::string& metric : metrics) {
      const std::string key = metric + ",none";
      recorded.items[key].push_back({"", recorded_score(fields, metric), 1, fields.text("answer")});
    }
  }
  return recorded;
}

}  // namespace evalharness
