#include "harness/metrics/group.h"

#include <cmath>
#include <vector>

#include "harness/base/error.h"
#include "harness/metrics/normal.h"

namespace evalharness {
namespace {

double sum(std::span<const TaskEstimate> tasks, double (*term)(const TaskEstimate&)) {
  double total = 0;
  for (const TaskEstimate& task : tasks) total += term(task);
  return total;
}

double documents(const TaskEstimate& task) { return static_cast<double>(task.documents); }
double value(const TaskEstimate& task) { return *task.estimate.value; }
double squared_error(const TaskEstimate& task) {
  return *task.estimate.standard_error * *task.estimate.standard_error;
}

std::optional<double> error_of(std::span<const TaskEstimate> tasks, bool by_size) {
  for (const TaskEstimate& task : tasks)
    if (!task.estimate.standard_error) return std::nullopt;
  const double k = static_cast<double>(tasks.size());
  if (!by_size) return std::sqrt(sum(tasks, squared_error)) / k;
  const double n = sum(tasks, documents);
  if (n <= k) return std::nullopt;
  const double within = sum(tasks, [](const TaskEstimate& task) {
    return (documents(task) - 1) * documents(task) * squared_error(task);
  });
  return std::sqrt(within / (n - k) / n);
}

}  // namespace

Estimate group_mean(std::span<const TaskEstimate> tasks, bool by_size) {
  EH_ASSERT(!tasks.empty());
  for (const TaskEstimate& task : tasks)
    if (!task.estimate.value) return Estimate::missing(task.estimate.reason);
  const double k = static_cast<double>(tasks.size());
  const double weighted = sum(tasks, [](const TaskEstimate& t) { return documents(t) * value(t); });
  Estimate mean;
  mean.value = by_size ? weighted / sum(tasks, documents) : sum(tasks, value) / k;
  for (const TaskEstimate& task : tasks) mean.n += task.documents;
  const std::optional<double> error = error_of(tasks, by_size);
  return error ? normal_estimate(*mean.value, *error, mean.n) : mean;
}

Estimate mean_change(std::span<const Estimate> changes) {
  std::vector<TaskEstimate> tasks;
  for (const Estimate& change : changes) tasks.push_back({change, change.n});
  return group_mean(tasks, /*by_size=*/false);
}

}  // namespace evalharness
