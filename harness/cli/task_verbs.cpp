// tasks check.

#include <iostream>

#include "harness/base/json.h"
#include "harness/cli/verbs.h"
#include "tasks/task_check.h"

namespace evalharness {

int tasks_check_verb(const std::string& folder, const std::string& output) {
  const std::vector<CheckedFile> files = check_task_files(folder);
  std::cout << (output == "json" ? to_json(task_check_json(files)) + "\n" : task_check_table(files));
  return all_understood(files) ? 0 : 1;
}

}  // namespace evalharness
