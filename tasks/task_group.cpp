#include "tasks/task_group.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/task_config.h"
#include "tasks/task_file.h"
#include "tasks/task_index.h"
#include "tasks/task_sections.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string, std::less<>>;

// What a group says of itself; its other keys are those of its tasks.
const Names kOfGroups = {"group", "group_alias", "task", "aggregate_metric_list", "metadata", "include", "tag"};
// What an item of a group says of itself.
const Names kOfItems = {"group", "group_alias", "task", "aggregate_metric_list", "include"};

struct Override {
  TaskFile file;
  const Names* hidden;
};
using Overrides = std::vector<Override>;  // the strongest last

GroupMetric read_group_metric(const ConfigNode& node) {
  GroupMetric metric{node.at("metric").as_string(), {}, true};
  node.get_one_of("aggregation", {"mean"}, "mean");
  if (const std::optional<ConfigNode> by_size = node.find("weight_by_size"))
    metric.weight_by_size = read_bool(*by_size);
  const std::optional<ConfigNode> filters = node.find("filter_list");
  if (!filters || filters->is_null()) return metric;
  if (!filters->is_list()) metric.filters = {filters->as_string()};
  else
    for (const ConfigNode& item : filters->items()) metric.filters.push_back(item.as_string());
  return metric;
}

std::vector<GroupMetric> read_group_metrics(const TaskFile& file) {
  std::vector<GroupMetric> metrics;
  const std::optional<ConfigNode> list = file.find("aggregate_metric_list");
  if (!list) return metrics;
  for (const ConfigNode& item : list->is_map() ? std::vector{*list} : list->items())
    metrics.push_back(read_group_metric(item));
  return metrics;
}

TaskGroup read_group(const TaskFile& file, const std::string& name) {
  TaskGroup group;
  group.name = name;
  group.alias = file.get("group_alias", name);
  group.metrics = read_group_metrics(file);
  for (const char* key : {"group", "tag"}) file.ignore(key);
  if (const std::optional<ConfigNode> metadata = file.find("metadata")) {
    if (const std::optional<ConfigNode> version = metadata->find("version"))
      group.version = version->as_string();
    metadata->to_value();
  }
  return group;
}

class Expander {
 public:
  Expander(TaskIndex& index, const TaskOptions& options) : index_(index), options_(options) {}

  TaskGroup add_group(const TaskFile& file, const std::string& name, Overrides overrides) {
    TaskGroup group = read_group(file, name);
    const std::optional<ConfigNode> list = file.find("task");
    if (!list || !list->is_list()) file.fail_at("task", "expected a list of tasks");
    // What a group sets for all its tasks gives way to what was set where the group was named.
    overrides.insert(overrides.begin(), {file, &kOfGroups});
    open_.push_back(name);
    for (const ConfigNode& item : list->items()) add_item(file, item, overrides, group);
    open_.pop_back();
    file.reject_unread();
    if (group.tasks.empty()) list->fail("expected at least one task");
    const auto same = [&](const TaskGroup& made) { return made.name == name; };
    if (std::none_of(made_.groups.begin(), made_.groups.end(), same))
      made_.groups.push_back(group);
    return group;
  }

  void add_tagged(const std::string& tag) {
    TaskGroup nobody;
    for (const std::string& name : index_.tagged(tag)) add_task(*index_.find(name), name, {}, nobody);
  }

  TaskSet take() { return std::move(made_); }

 private:
  void add_item(const TaskFile& file, const ConfigNode& item, Overrides overrides, TaskGroup& into) {
    if (!item.is_map()) return add_named(item, item.as_string(), overrides, into);
    const TaskFile own = TaskFile::inside(file, item);
    const std::optional<ConfigNode> group = item.find("group");
    const std::optional<ConfigNode> task = item.find("task");
    if (group && task) {
      const std::string name = cat(into.name, "::", group->as_string());
      return adopt(add_group(own, name, overrides), into);
    }
    if (!group && !task) item.fail("expected a task or a group");
    const ConfigNode& named = group ? *group : *task;
    const std::string name = named.as_string();
    if (group || index_.find(name) || !index_.tagged(name).empty()) {
      overrides.push_back({own, &kOfItems});
      add_named(named, name, overrides, into);
    } else if (item.has("dataset_path") || item.has("include")) {
      add_made(own, cat(into.name, "::", name), overrides, into);
    } else {
      add_named(named, name, overrides, into);  // says that there is none
    }
    own.reject_unread();
  }

  // A task, a group or a tag that `node` names.
  void add_named(const ConfigNode& node, const std::string& name, const Overrides& overrides,
                 TaskGroup& into) {
    if (const TaskIndex::Entry* entry = index_.find(name)) {
      if (!entry->is_group) return add_task(*entry, name, overrides, into);
      if (std::find(open_.begin(), open_.end(), name) != open_.end()) node.fail("holds itself");
      return adopt(add_group(TaskFile::load(entry->path, entry->shown), name, overrides), into);
    }
    const std::vector<std::string> tagged = index_.tagged(name);
    if (tagged.empty())
      node.fail(cat("unknown task '", name, "'", did_you_mean(name, index_.names())));
    for (const std::string& task : tagged) add_task(*index_.find(task), task, overrides, into);
  }

  void add_task(const TaskIndex::Entry& entry, const std::string& name, const Overrides& overrides,
                TaskGroup& into) {
    add_made(TaskFile::load(entry.path, entry.shown), name, overrides, into);
  }

  void add_made(TaskFile file, const std::string& name, const Overrides& overrides, TaskGroup& into) {
    for (const Override& above : overrides) file.override_by(above.file, *above.hidden);
    TaskConfig config = read_task_config(file);
    config.name = name;
    const auto [found, is_new] = hashes_.emplace(name, file.hash());
    if (!is_new && found->second != file.hash())
      file.fail(cat("task '", name, "' is in one group twice, with different keys"));
    if (is_new) made_.tasks.push_back(make_task(std::move(config), options_));
    add_once(into.children, name);
    add_once(into.tasks, name);
  }

  static void adopt(const TaskGroup& child, TaskGroup& into) {
    add_once(into.children, child.name);
    for (const std::string& task : child.tasks) add_once(into.tasks, task);
  }
  static void add_once(std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }

  TaskIndex& index_;
  const TaskOptions& options_;
  std::vector<std::string> open_;              // groups whose tasks are being read
  std::map<std::string, std::string> hashes_;  // of the tasks made so far
  TaskSet made_;
};

TaskSet make_group(const TaskFile& file, TaskIndex& index, const TaskOptions& options) {
  const std::optional<ConfigNode> name = file.find("group");
  if (!name) file.fail_at("group", "missing; expected the group's name");
  Expander expander(index, options);
  expander.add_group(file, name->as_string(), {});
  return expander.take();
}

TaskSet make_by_path(const std::string& path, const TaskOptions& options) {
  const TaskFile file = TaskFile::load(path, path);
  TaskSet single;
  if (!file.is_group()) {
    single.tasks.push_back(make_task(read_task_config(file), options));
    return single;
  }
  TaskIndex index;
  const fs::path folder = fs::path(path).parent_path();
  index.add(folder.empty() ? "." : folder.string(), folder.string());
  index.add(tasks_directory(), "tasks");
  return make_group(file, index, options);
}

}  // namespace

TaskSet make_tasks(const std::string& name_or_path, const TaskOptions& options) {
  if (name_or_path.ends_with(".yaml")) return make_by_path(name_or_path, options);
  TaskSet single;
  const std::vector<std::string> names = task_names();
  if (std::find(names.begin(), names.end(), name_or_path) != names.end()) {
    single.tasks.push_back(make_task(name_or_path, options));
    return single;
  }
  TaskIndex index;
  index.add(tasks_directory(), "tasks");
  if (const TaskIndex::Entry* entry = index.find(name_or_path); entry && entry->is_group)
    return make_group(TaskFile::load(entry->path, entry->shown), index, options);
  Expander expander(index, options);
  expander.add_tagged(name_or_path);
  TaskSet tagged = expander.take();
  if (tagged.tasks.empty())
    fail(cat("unknown task '", name_or_path, "'", did_you_mean(name_or_path, index.names())));
  return tagged;
}

std::vector<std::string> group_names() {
  TaskIndex index;
  index.add(tasks_directory(), "tasks");
  std::vector<std::string> groups;
  for (const std::string& name : index.names())
    if (const TaskIndex::Entry* entry = index.find(name); entry && entry->is_group)
      groups.push_back(name);
  return groups;
}

}  // namespace evalharness
