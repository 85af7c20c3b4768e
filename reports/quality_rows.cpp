#include "reports/quality_rows.h"

#include <algorithm>
#include <map>
#include <utility>

#include "harness/base/text.h"
#include "reports/format.h"

namespace evalharness {
namespace {

struct Quality {
  std::map<std::string, std::vector<std::string>> metrics;  // of tasks and groups, in the order they come
  std::map<std::string, std::vector<std::string>> groups;   // group -> tasks below it
};

Quality quality_of(const RunResult& result, const std::string& backend) {
  Quality quality;
  for (const Variant& variant : result.variants)
    for (const BackendResult& one : variant.backends) {
      if (one.name != backend) continue;
      for (const auto& [name, group] : one.groups) quality.groups[name] = group.tasks;
      for (const auto& [task, found] : one.results())
        for (const auto& [metric, estimate] : found->metrics) {
          std::vector<std::string>& known = quality.metrics[task];
          // bits_per_byte is the same number on another scale.
          if (!metric.starts_with("byte_perplexity") && std::find(known.begin(), known.end(), metric) == known.end())
            known.push_back(metric);
        }
    }
  return quality;
}

// Task -> the group that it stands below, the one with the longest name.
std::map<std::string, std::string> headings(const Quality& quality) {
  std::map<std::string, std::string> found;
  for (const auto& [group, tasks] : quality.groups)
    for (const std::string& task : tasks)
      if (task.starts_with(group + "_") && group.size() > found[task].size()) found[task] = group;
  std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
  return found;
}

}  // namespace

std::vector<QualityRow> quality_rows(const RunResult& result, const std::string& backend) {
  const Quality quality = quality_of(result, backend);
  const std::map<std::string, std::string> below = headings(quality);
  std::map<std::pair<std::string, std::string>, std::vector<QualityRow>> ordered;  // (heading, task below it)
  for (const auto& [task, metrics] : quality.metrics)
    for (const std::string& metric : metrics) {
      QualityRow row{task, metric, cat(task, " ", metric_label(metric)), quality.groups.contains(task)};
      const auto found = below.find(task);
      if (found == below.end()) {
        ordered[{task, ""}].push_back(row);
        continue;
      }
      const std::string& group = found->second;
      row.label = "· " + task.substr(group.size() + 1);
      if (quality.metrics.at(group) != std::vector{metric}) row.label += " " + metric_label(metric);
      ordered[{group, task}].push_back(row);
    }
  std::vector<QualityRow> rows;
  for (const auto& [place, some] : ordered) rows.insert(rows.end(), some.begin(), some.end());
  return rows;
}

}  // namespace evalharness
