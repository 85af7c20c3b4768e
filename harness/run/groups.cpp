#include "harness/run/groups.h"

#include <algorithm>
#include <set>

#include "harness/base/text.h"
#include "harness/metrics/group.h"
#include "harness/metrics/paired.h"

namespace evalharness {
namespace {

// "acc,none" and the like: what the metric is called with each of its filters.
std::set<std::string> keys_of_metric(const GroupMetric& metric, const std::set<std::string>& known) {
  std::set<std::string> keys;
  for (const std::string& filter : metric.filters) keys.insert(cat(metric.metric, ",", filter));
  if (metric.filters.empty())
    for (const std::string& key : known)
      if (key.starts_with(metric.metric + ",")) keys.insert(key);
  if (keys.empty()) keys.insert(metric.metric + ",none");
  return keys;
}

// "lm-eval 3.0, 27 tasks by size".
std::string protocol_of(const TaskGroup& group) {
  const auto by_size = std::ranges::count_if(group.metrics, &GroupMetric::weight_by_size);
  const bool all = by_size == static_cast<std::ptrdiff_t>(group.metrics.size());
  return cat("lm-eval", group.version.empty() ? "" : " ", group.version, ", ", group.tasks.size(), " tasks",
             all ? " by size" : by_size == 0 ? " alike" : "");
}

void add_counts(const TaskResult& task, TaskResult& total) {
  total.documents += task.documents;
  total.available += task.available;
  total.sample = total.sample || task.sample;
  for (const auto& [cause, rows] : task.skipped) total.skipped[cause] += rows;
  total.truncated += task.truncated;
  total.unfinished += task.unfinished;
  for (const auto& [filter, documents] : task.unextracted) total.unextracted[filter] += documents;
  total.saved_tokens += task.saved_tokens;
  total.seconds += task.seconds;
}

GroupResult group_result(const TaskGroup& group, const std::map<std::string, TaskResult>& tasks) {
  GroupResult result{group.tasks, {}};
  result.total.protocol = protocol_of(group);
  std::set<std::string> known;
  for (const std::string& name : group.tasks) {
    add_counts(tasks.at(name), result.total);
    for (const auto& entry : tasks.at(name).metrics) known.insert(entry.first);
  }
  for (const GroupMetric& metric : group.metrics)
    for (const std::string& key : keys_of_metric(metric, known)) {
      std::vector<TaskEstimate> estimates;
      for (const std::string& name : group.tasks)
        if (const auto found = tasks.at(name).metrics.find(key); found != tasks.at(name).metrics.end())
          estimates.push_back({found->second, tasks.at(name).documents});
      result.total.metrics[key] =
          estimates.empty() ? Estimate::missing("none of its tasks has it") : group_mean(estimates, metric.weight_by_size);
    }
  return result;
}

// The tasks of a group that have a metric, by their index in the config; empty where one of them is no mean.
std::vector<size_t> tasks_with(const RunConfig& config, const TaskGroup& group, const std::string& key) {
  std::vector<size_t> found;
  for (size_t t = 0; t < config.tasks.size(); ++t) {
    if (std::ranges::find(group.tasks, config.tasks[t].name) == group.tasks.end()) continue;
    for (const TaskInfo::Metric& metric : config.tasks[t].task->info().metrics) {
      if (metric.key != key) continue;
      if (metric.aggregation != "mean") return {};
      found.push_back(t);
    }
  }
  return found;
}

PairResult compare_group(const std::vector<size_t>& tasks, const std::string& key, bool by_size,
                         const std::vector<Evaluation>& dense, const std::vector<Evaluation>& compressed) {
  std::vector<Item> before, after;
  std::vector<Estimate> changes;
  for (const size_t t : tasks) {
    const std::vector<Item>& own_before = dense[t].items.at(key);
    const std::vector<Item>& own_after = compressed[t].items.at(key);
    before.insert(before.end(), own_before.begin(), own_before.end());
    after.insert(after.end(), own_after.begin(), own_after.end());
    if (!by_size) changes.push_back(compare_items(key, own_before, own_after, "mean").difference);
  }
  PairResult pair = compare_items(key, before, after, "mean");
  if (by_size) return pair;
  pair.p_value.reset();  // McNemar's test weighs documents alike
  pair.difference = mean_change(changes);
  return pair;
}

}  // namespace

std::map<std::string, GroupResult> group_results(const std::vector<TaskGroup>& groups,
                                                 const std::map<std::string, TaskResult>& tasks) {
  std::map<std::string, GroupResult> results;
  for (const TaskGroup& group : groups) results[group.name] = group_result(group, tasks);
  return results;
}

std::vector<PairResult> compare_groups(const RunConfig& config, const std::vector<TaskGroup>& groups,
                                       const std::vector<Evaluation>& dense,
                                       const std::vector<Evaluation>& compressed) {
  std::set<std::string> known;
  for (const RunTask& task : config.tasks)
    for (const TaskInfo::Metric& metric : task.task->info().metrics) known.insert(metric.key);
  std::vector<PairResult> pairs;
  for (const TaskGroup& group : groups) {
    for (const GroupMetric& metric : group.metrics)
      for (const std::string& key : keys_of_metric(metric, known)) {
        const std::vector<size_t> tasks = tasks_with(config, group, key);
        if (tasks.empty()) continue;
        PairResult pair = compare_group(tasks, key, metric.weight_by_size, dense, compressed);
        pair.task = group.name;
        pair.metric = key;
        pairs.push_back(std::move(pair));
      }
  }
  return pairs;
}

}  // namespace evalharness
