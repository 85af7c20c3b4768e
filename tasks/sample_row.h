// A made-up row that a task can ask about: whether its templates render, without its dataset.
#pragma once

#include <string>
#include <vector>

#include "tasks/task_config.h"

namespace evalharness {

struct SampleRow {
  std::string error;  // why the simplest row gives no requests, where none of those tried does; else ""
  Value row;          // that gave `requests`, as the question of a task whose examples are the same row
  std::vector<Request> requests;
};

// Asks the task about rows whose columns are those that its fields name, with values of each type
// that could stand there (text, index, list, map, ...), plain text first, until one gives requests.
// Examples before the question are made of such rows too. The task's transforms are left out: they need rows of the
// dataset's own form.
SampleRow try_sample_row(TaskConfig config);

}  // namespace evalharness
