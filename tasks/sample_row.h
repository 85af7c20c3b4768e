// A made-up row that a task can ask about: whether its templates render, without its dataset.
#pragma once

#include <string>

#include "tasks/task_config.h"

namespace evalharness {

// Asks the task about rows whose columns are those that its fields name, with values of each type
// that could stand there (text, index, list, map, ...), plain text first, until one gives requests.
// "" then; else why the simplest row does not. Examples before the question are made of such rows
// too. The task's transforms are left out: they need rows of the dataset's own form.
std::string try_sample_row(TaskConfig config);

}  // namespace evalharness
