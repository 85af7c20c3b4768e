// Groups of tasks: files with `group` and a list of tasks, as lm-evaluation-harness has them.
//
//     group: reasoning
//     task:
//       - piqa                                # a task, a group or a tag, by its name
//       - {task: openbookqa, num_fewshot: 5}  # with keys of its own
//       - {group: science, task: [arc_easy, arc_challenge]}
//     aggregate_metric_list:
//       - {metric: acc, weight_by_size: true}
//     metadata: {version: 1}
#pragma once

#include <string>
#include <vector>

#include "tasks/task.h"

namespace evalharness {

// One number of a group: the mean over its tasks.
struct GroupMetric {
  std::string metric;
  std::vector<std::string> filters;  // empty: every filter that a task has the metric with
  bool weight_by_size = true;        // by documents; else every task counts the same
  bool operator==(const GroupMetric&) const = default;
};

struct TaskGroup {
  std::string name;     // of one written inside another: "outer::inner"
  std::string alias;    // group_alias, else the name
  std::string version;  // metadata.version; "" if none
  std::vector<std::string> children;  // tasks and groups right below it
  std::vector<std::string> tasks;     // all tasks below it, in order
  std::vector<GroupMetric> metrics;
};

struct TaskSet {
  std::vector<TaskPtr> tasks;     // in order, each once
  std::vector<TaskGroup> groups;  // a group behind those that it holds
};

// A task, the tasks of a group, or the tasks that carry a tag, by name or by the path of a .yaml
// file. What a group names is looked for in the files beside it and below, then among tasks/. Fails
// with the place in the group's file and the nearest name; "unknown task 'x'" where the name asked
// for is none of these.
TaskSet make_tasks(const std::string& name_or_path, const TaskOptions& options = {});
std::vector<std::string> group_names();  // of tasks/

}  // namespace evalharness
