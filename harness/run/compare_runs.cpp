#include "harness/run/compare_runs.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/metrics/paired.h"
#include "harness/run/agreement.h"
#include "harness/run/evaluate.h"
#include "harness/run/groups.h"
#include "harness/run/inputs.h"
#include "harness/run/model_list.h"
#include "harness/run/run.h"

namespace evalharness {
namespace {

constexpr const char* kBackend = "cpu";

// What a journal holds, unit by unit.
class RecordedAnswers final : public Scorer {
 public:
  // Of one task; requests are planned in their order.
  RecordedAnswers(const Journal& journal, JournalKey task) : journal_(journal), key_(std::move(task)) {}

  std::vector<Unit> plan(std::span<const Request> requests) override {
    std::vector<Unit> units;
    for (size_t i = 0; i < requests.size(); ++i, ++key_.request)
      for (const size_t window : journal_.first_windows(key_))
        units.push_back({.requests = {i}, .first_window = window, .windows = 0, .cost_tokens = 1});
    return units;
  }
  std::vector<Answer> answer(std::span<const Request>, const Unit&) override {
    fail(cat("task ", key_.task, ": the journal lacks an answer"));
  }

 private:
  const Journal& journal_;
  JournalKey key_;
};

class FinishedRun {
 public:
  FinishedRun(const std::string& folder, const std::string& variant)
      : folder_(folder), record_(read(folder)),
        config_(read_run_config(ConfigNode::parse(to_json(record_.config), folder + "/record.json"), record_.name, {})),
        variant_(choose(variant)),
        journal_(journal_path(), run_hash(record_.config, record_.context)) {}

  ComparedRun described() const { return {folder_, record_.name, variant_->name}; }
  const std::string& folder() const { return folder_; }
  const RunConfig& config() const { return config_; }
  const Value& resolved() const { return record_.config; }
  const RunTask* find_task(const std::string& name) const {
    const auto found = std::ranges::find(config_.tasks, name, &RunTask::name);
    return found == config_.tasks.end() ? nullptr : &*found;
  }
  const TaskResult& result(const std::string& task) const {
    for (const BackendResult& backend : variant_->backends)
      if (backend.name == kBackend && backend.tasks.contains(task)) return backend.tasks.at(task);
    fail(cat(folder_, ": its ", variant_->name, " model has no answers to ", task));
  }
  // Of the model before any compression.
  std::string model() const {
    const Value* const dense = record_.context.find("dense_sha256");
    return (dense != nullptr ? *dense : *record_.context.find("model_sha256")).string();
  }
  std::string prompts_hash(const std::string& task) const {
    const Value* const prompts = record_.context.find("prompts_sha256");
    const Value* const hash = prompts == nullptr ? nullptr : prompts->find(task);
    return hash == nullptr ? "" : hash->string();
  }
  Evaluation evaluate_again(const RunTask& task, const TaskData& data) {
    RecordedAnswers answers(journal_, {.variant = variant_->name, .backend = kBackend, .task = task.name});
    return evaluate(task, data, answers, journal_, {.variant = variant_->name, .backend = kBackend});
  }

 private:
  static RunResult read(const std::string& folder) {
    const std::string path = folder + "/record.json";
    if (!std::filesystem::exists(path)) fail(cat(folder, ": no record.json: expected the folder of a run"));
    RunResult record = run_result_from_json(read_text(path), path);
    if (record.status != "ok" && record.status != "diverged")
      fail(cat(folder, ": expected a finished run, its status is '", record.status, "'"));
    return record;
  }

  const Variant* choose(const std::string& name) const {
    std::vector<std::string> names;
    for (const Variant& variant : record_.variants) {
      names.push_back(variant.name);
      if (variant.name == name) return &variant;
    }
    if (name.empty() && !record_.variants.empty()) return &record_.variants.back();
    fail(cat(folder_, ": no variant '", name, "'; there are: ", join(names, ", ")));
  }

  // Opening a journal that is not there would begin one.
  std::string journal_path() const {
    const std::string path = folder_ + "/journal.jsonl";
    if (!std::filesystem::exists(path)) fail(cat(folder_, ": no journal.jsonl: without answers there is nothing to compare"));
    return path;
  }

  std::string folder_;
  RunResult record_;
  RunConfig config_;
  const Variant* variant_;
  Journal journal_;
};

void check_same_model(const FinishedRun& a, const FinishedRun& b) {
  if (a.model() != b.model())
    fail(cat("compare: ", a.folder(), " and ", b.folder(), " have different models: ", a.config().model, " with sha256 ",
             a.model(), ", ", b.config().model, " with sha256 ", b.model()));
}

void check_same_question(const std::string& task, const FinishedRun& a, const FinishedRun& b) {
  const TaskResult &of_a = a.result(task), &of_b = b.result(task);
  if (of_a.protocol != of_b.protocol)
    fail(cat("compare: ", task, ": different protocols: ", of_a.protocol, " in ", a.folder(), ", ", of_b.protocol, " in ",
             b.folder()));
  if (a.prompts_hash(task) != b.prompts_hash(task))
    fail(cat("compare: ", task, ": different documents or prompts: ", of_a.documents, " of ", of_a.available, " in ", a.folder(),
             ", ", of_b.documents, " of ", of_b.available, " in ", b.folder()));
}

// A chat template is the model's own.
void ask_as_it_did(const FinishedRun& run) {
  if (run.config().chat.is_plain()) return;
  const std::string path = resolve_model(run.config().model, /*offline=*/true);
  use_chat(run.config(), path, *open_tokenizer(path));
}

ComparedMetric compared_metric(const PairResult& pair, const TaskResult& a, const TaskResult& b) {
  ComparedMetric metric{.task = pair.task, .metric = pair.metric, .protocol = a.protocol + (a.sample || b.sample ? ", sample" : ""),
                        .a = a.metrics.at(pair.metric), .b = b.metrics.at(pair.metric),
                        .pair = pair, .p_value = pair.p_value, .test = pair.p_value ? "McNemar" : "", .of_a = a, .of_b = b};
  if (!metric.p_value && (metric.p_value = paired_p_value(pair.difference))) metric.test = "paired t";
  return metric;
}

// Why two runs' agreements with the dense model cannot be compared; "" where they can.
std::string why_incomparable(const std::optional<RecordedAgreement>& of_a, const std::optional<RecordedAgreement>& of_b,
                             const FinishedRun& a, const FinishedRun& b) {
  for (const FinishedRun* const run : {&a, &b})
    if (run->described().variant == "dense") return cat("the dense model's answers are the reference, in ", run->folder());
  for (const auto& [recorded, run] : {std::pair{&of_a, &a}, std::pair{&of_b, &b}})
    if (!*recorded) return cat("no answers were compared with the dense model's in ", run->folder());
  if (of_a->references.empty()) return "the dense model answered nothing";
  if (of_a->ids != of_b->ids) return "the dense model answered other documents";
  if (of_a->references != of_b->references) return "the dense model's own answers differ between the runs";
  return "";
}

// Of a task of agreement: both runs' answers against those of one dense model.
void compare_agreement(const RunTask& task, const FinishedRun& a, const FinishedRun& b, RunComparison& comparison) {
  check_same_question(task.name, a, b);
  const auto of_a = recorded_agreement(a.folder(), task.name), of_b = recorded_agreement(b.folder(), task.name);
  if (const std::string reason = why_incomparable(of_a, of_b, a, b); !reason.empty())
    return comparison.left_out.push_back({task.name, reason});
  for (const auto& [key, before] : of_a->items) {
    if (key == "judge,none" && a.config().judge != b.config().judge) {
      comparison.left_out.push_back({task.name + " judge", "other judges, or none"});
      continue;
    }
    PairResult pair = compare_items(key, before, of_b->items.at(key), "mean");
    pair.task = task.name;
    pair.metric = key;
    pair.backend = kBackend;
    comparison.metrics.push_back(compared_metric(pair, a.result(task.name), b.result(task.name)));
  }
}

// The same task of both runs, scored again.
struct TaskPair {
  Evaluation a, b;
};

TaskPair evaluate_both(const RunTask& task, FinishedRun& a, FinishedRun& b) {
  check_same_question(task.name, a, b);
  const TaskData data = prepare_task(task, {.offline = true, .allow_sample = true}, kAnyContext);
  if (data.prompts_hash != a.prompts_hash(task.name))
    fail(cat("compare: ", task.name, ": the task or its data on this machine are not what the runs asked (is EVALHARNESS_DATA as it was?)"));
  return {a.evaluate_again(task, data), b.evaluate_again(task, data)};
}

// Groups of A that B has too, of the same tasks and metrics, all of which were compared.
std::vector<TaskGroup> groups_of_both(const RunConfig& a, const RunConfig& b, const std::map<std::string, TaskResult>& compared) {
  std::vector<TaskGroup> both;
  for (const TaskGroup& group : a.groups) {
    const auto same = std::ranges::find(b.groups, group.name, &TaskGroup::name);
    if (same != b.groups.end() && same->tasks == group.tasks && same->metrics == group.metrics &&
        std::ranges::all_of(group.tasks, [&](const std::string& task) { return compared.contains(task); }))
      both.push_back(group);
  }
  return both;
}

// A line for each of them and its metrics, above those of its tasks. `of_a`, `of_b`: in the order of A's tasks.
void add_groups(const FinishedRun& a, const FinishedRun& b, const std::vector<Evaluation>& of_a, const std::vector<Evaluation>& of_b,
                RunComparison& comparison) {
  std::map<std::string, TaskResult> results_a, results_b;
  for (size_t t = 0; t < of_a.size(); ++t) {
    if (of_a[t].items.empty()) continue;
    results_a[a.config().tasks[t].name] = of_a[t].result;
    results_b[a.config().tasks[t].name] = of_b[t].result;
  }
  const std::vector<TaskGroup> groups = groups_of_both(a.config(), b.config(), results_a);
  const auto totals_a = group_results(groups, results_a), totals_b = group_results(groups, results_b);
  for (PairResult& pair : compare_groups(a.config(), groups, of_a, of_b)) {
    pair.backend = kBackend;
    const GroupResult& group = totals_a.at(pair.task);
    const auto first = std::ranges::find_if(comparison.metrics, [&](const ComparedMetric& metric) {
      return std::ranges::count(group.tasks, metric.task) > 0;
    });
    comparison.metrics.insert(first, compared_metric(pair, group.total, totals_b.at(pair.task).total));
  }
}

std::string method_name(const Value& step) {
  const Value* const method = step.find("method");
  return method == nullptr ? "" : to_json(*method);
}

// "calibration.samples", where both have a calibration; what one of them lacks, and a step by another method, is one setting,
// however large.
void add_differences(const std::string& key, const Value* a, const Value* b, std::vector<RunComparison::Setting>& to) {
  if (a != nullptr && b != nullptr && a->is_map() && b->is_map() && method_name(*a) == method_name(*b)) {
    std::set<std::string> names;
    for (const Value* side : {a, b})
      for (const auto& [name, item] : side->map()) names.insert(name);
    for (const std::string& name : names) add_differences(key.empty() ? name : cat(key, ".", name), a->find(name), b->find(name), to);
    return;
  }
  if (a != nullptr && b != nullptr && a->is_list() && b->is_list()) {
    const auto item = [](const Value& list, size_t i) { return i < list.list().size() ? &list.list()[i] : nullptr; };
    for (size_t i = 0; i < std::max(a->list().size(), b->list().size()); ++i)
      add_differences(cat(key, "[", i, "]"), item(*a, i), item(*b, i), to);
    return;
  }
  const RunComparison::Setting setting{key, a == nullptr ? "" : to_json(*a), b == nullptr ? "" : to_json(*b)};
  if (setting.a != setting.b) to.push_back(setting);
}

std::vector<RunComparison::Setting> different_settings(const Value& a, const Value& b) {
  std::vector<RunComparison::Setting> different;
  add_differences("", &a, &b, different);
  return different;
}

}  // namespace

RunComparison compare_runs(const std::string& folder_a, const std::string& folder_b, const std::string& variant) {
  FinishedRun a(folder_a, variant), b(folder_b, variant);
  check_same_model(a, b);
  ask_as_it_did(a);
  RunComparison comparison{.a = a.described(), .b = b.described(), .metrics = {}, .only_a = {}, .only_b = {}, .left_out = {},
                           .settings = different_settings(a.resolved(), b.resolved())};
  std::vector<Evaluation> of_a(a.config().tasks.size()), of_b(of_a.size());
  for (size_t t = 0; t < of_a.size(); ++t) {
    const RunTask& task = a.config().tasks[t];
    if (b.find_task(task.name) == nullptr) {
      comparison.only_a.push_back(task.name);
      continue;
    }
    if (task.task->info().agreement) {
      compare_agreement(task, a, b, comparison);
      continue;
    }
    TaskPair pair = evaluate_both(task, a, b);
    for (const PairResult& metric : compare_evaluations(task, kBackend, pair.a, pair.b))
      comparison.metrics.push_back(compared_metric(metric, pair.a.result, pair.b.result));
    of_a[t] = std::move(pair.a);
    of_b[t] = std::move(pair.b);
  }
  add_groups(a, b, of_a, of_b, comparison);
  for (const RunTask& task : b.config().tasks)
    if (a.find_task(task.name) == nullptr) comparison.only_b.push_back(task.name);
  if (comparison.metrics.empty() && comparison.left_out.empty())
    fail(cat("compare: no task that both ran: ", join(comparison.only_a, ", "), " in ", folder_a, ", ",
             join(comparison.only_b, ", "), " in ", folder_b));
  return comparison;
}

}  // namespace evalharness
