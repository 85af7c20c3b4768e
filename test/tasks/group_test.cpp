// Groups of tasks: what names stand for, whose keys win, and what is refused.
#include "tasks/task_group.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "test/support/temporary_folder.h"

using namespace evalharness;

namespace {

const char* const kRiddle =
    "dataset_path: piqa\noutput_type: multiple_choice\nvalidation_split: validation\n"
    "doc_to_text: goal\ndoc_to_choice: \"{{[sol1, sol2]}}\"\ndoc_to_target: label\n";

// A folder with the tasks a, b (tag: letters) and x, and the group `inner` of a and b.
class TaskFolder {
 public:
  TaskFolder() {
    write("riddle_template", kRiddle);
    write("a.yaml", "include: riddle_template\ntask: a\ntag: [letters]\n");
    write("more/b.yaml", "include: ../riddle_template\ntask: b\ntag: letters\n");
    write("x.yaml", "include: riddle_template\ntask: x\n");
    write("_inner.yaml", "group: inner\ngroup_alias: Inner\ntask: [b, a]\nnum_fewshot: 2\n"
                         "aggregate_metric_list: [{metric: acc}]\nmetadata: {version: 2}\n");
    write("broken.yaml", "task: [unclosed\n");
  }
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path place = folder_.path(path);
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place) << text;
  }
  TaskSet group(const std::string& text) const {
    write("g.yaml", text);
    return make_tasks(folder_.path("g.yaml"));
  }
  std::string error_of(const std::string& text) const {
    try {
      group(text);
    } catch (const Error& error) {
      return replace_all(error.what(), folder_.path() + "/", "");
    }
    return "";
  }

 private:
  TemporaryFolder folder_;
};

std::vector<std::string> names_of(const TaskSet& set) {
  std::vector<std::string> names;
  for (const TaskPtr& task : set.tasks) names.push_back(task->info().name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a group holds tasks, groups and tags by name, each task once", "[tasks][group]") {
  const TaskFolder folder;
  const TaskSet set = folder.group(
      "group: g\ntask: [inner, x, piqa]\n"
      "aggregate_metric_list:\n"
      "  - {metric: acc, weight_by_size: no, filter_list: none, aggregation: mean}\n"
      "  - {metric: acc_norm}\nmetadata: {version: 1.5}\n");
  CHECK(names_of(set) == Names{"b", "a", "x", "piqa"});
  REQUIRE(set.groups.size() == 2);
  CHECK(set.groups[0].name == "inner");
  CHECK(set.groups[0].alias == "Inner");
  CHECK(set.groups[0].tasks == Names{"b", "a"});
  const TaskGroup& g = set.groups[1];
  CHECK(g.name == "g");
  CHECK(g.version == "1.5");
  CHECK(g.children == Names{"inner", "x", "piqa"});
  CHECK(g.tasks == Names{"b", "a", "x", "piqa"});
  REQUIRE(g.metrics.size() == 2);
  CHECK_FALSE(g.metrics[0].weight_by_size);
  CHECK(g.metrics[0].filters == Names{"none"});
  CHECK(g.metrics[1].weight_by_size);
  CHECK(g.metrics[1].filters.empty());
  CHECK(names_of(folder.group("group: g\ntask: [letters]\n")) == Names{"a", "b"});
}

TEST_CASE("keys of an item win over those of a group, an outer group's over an inner one's and the task's", "[tasks][group]") {
  const TaskFolder folder;
  const TaskSet set = folder.group(
      "group: g\ntask:\n  - {task: a, num_fewshot: 5}\n  - {group: sub, task: [b], num_fewshot: 3}\n"
      "  - {task: made, dataset_path: piqa, doc_to_text: goal, doc_to_target: label,\n"
      "     doc_to_choice: \"{{[sol1, sol2]}}\", output_type: multiple_choice}\n"
      "  - x\nvalidation_split: validation\nnum_fewshot: 1\n");
  CHECK(names_of(set) == Names{"a", "b", "g::made", "x"});
  CHECK(set.tasks[0]->info().num_fewshot == 5);
  CHECK(set.tasks[1]->info().num_fewshot == 1);
  CHECK(set.tasks[2]->info().num_fewshot == 1);
  CHECK(set.tasks[3]->info().num_fewshot == 1);
  CHECK(set.groups[0].name == "g::sub");
  // What is set where a group is named holds for its tasks too, over the group's own.
  const TaskSet outer = folder.group("group: g\ntask: [{group: inner, num_fewshot: 4}]\n");
  CHECK(outer.tasks[0]->info().num_fewshot == 4);
  CHECK(folder.group("group: g\ntask: [inner]\n").tasks[0]->info().num_fewshot == 2);
  CHECK(outer.tasks[0]->info().source_hash != set.tasks[0]->info().source_hash);
}

TEST_CASE("a group's mistakes are one line with their place", "[tasks][group]") {
  const TaskFolder folder;
  CHECK(folder.error_of("group: g\ntask: [inner, xx]\n") ==
        "g.yaml:2:15: task[1]: unknown task 'xx' (did you mean 'x'?)");
  CHECK(folder.error_of("group: g\ntask: [{task: innr, num_fewshot: 1}]\n") ==
        "g.yaml:2:15: task[0].task: unknown task 'innr' (did you mean 'inner'?)");
  CHECK(folder.error_of("group: g\ntask: [a]\nnum_fewshto: 3\n") ==
        "g.yaml:3:14: num_fewshto: unknown key (did you mean 'num_fewshot'?)");
  CHECK(folder.error_of("group: g\ntask: [a]\naggregate_metric_list: [{metric: acc, aggregation: median}]\n") ==
        "g.yaml:3:52: aggregate_metric_list[0].aggregation: expected one of mean, got 'median' (did you mean 'mean'?)");
  CHECK(folder.error_of("group: g\ntask: [a]\naggregate_metric_list: [{metric: acc, weight_by_size: truez}]\n") ==
        "g.yaml:3:55: aggregate_metric_list[0].weight_by_size: expected true or false, got 'truez'");
  CHECK(folder.error_of("group: g\ntask: a\n") == "g.yaml:2:7: task: expected a list of tasks");
  CHECK(folder.error_of("group: g\ntask: []\n") == "g.yaml:2:7: task: expected at least one task");
  CHECK(folder.error_of("task: [a]\n") == "g.yaml:1:1: group: missing; expected the group's name");
  CHECK(folder.error_of("group: g\ntask: [g]\n") == "g.yaml:2:8: task[0]: holds itself");
  CHECK(folder.error_of("group: g\ntask: [a, {task: a, num_fewshot: 1}]\n") ==
        "a.yaml:1:1: task 'a' is in one group twice, with different keys");
  CHECK(folder.error_of("group: g\ntask: [{num_fewshot: 1}]\n") ==
        "g.yaml:2:8: task[0]: expected a task or a group");
}

TEST_CASE("a name that is no task, group or tag names the nearest", "[tasks][group]") {
  CHECK_THROWS_WITH(make_tasks("pica"), "unknown task 'pica' (did you mean 'piqa'?)");
  CHECK(make_tasks("piqa").tasks.size() == 1);
  const TaskSet bbh = make_tasks("bbh_cot_fewshot");
  CHECK(bbh.tasks.size() == 27);
  CHECK(bbh.groups.at(0).metrics.at(0).filters == Names{"get-answer"});
  CHECK(group_names() == Names{"bbh", "bbh_cot_fewshot", "bbh_cot_zeroshot", "bbh_fewshot", "bbh_zeroshot"});
}
