// Groups of tasks as lines of their own, made of what their tasks gave.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/result/run_result.h"
#include "harness/run/evaluate.h"
#include "harness/run/run_config.h"

namespace evalharness {

// Of every group. A metric has a number for each filter that its tasks have it with; tasks that
// lack it are left out, as lm-evaluation-harness does, and one that none has is empty with the reason.
std::map<std::string, GroupResult> group_results(const std::vector<TaskGroup>& groups,
                                                 const std::map<std::string, TaskResult>& tasks);

// Of metrics that are means: both variants, document by document over all tasks where they are
// weighted by size, else the plain mean of the tasks' changes. `groups`: of the config, or some of them; evaluations in the
// order of the config's tasks, all of those below the groups filled. The caller names the backend.
std::vector<PairResult> compare_groups(const RunConfig& config, const std::vector<TaskGroup>& groups,
                                       const std::vector<Evaluation>& dense,
                                       const std::vector<Evaluation>& compressed);

}  // namespace evalharness
