// Parts of reading a task file that task_config.cpp puts together.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/task_config.h"

namespace evalharness {

std::optional<Field> read_field(const TaskFile& file, std::string_view key);
// Names that tasks share: a string or a list of them.
std::vector<std::string> tags_of(const TaskFile& file);
// true and false, and yes, no, on, off, as lm-evaluation-harness's files have them (YAML 1.1).
bool read_bool(const ConfigNode& node);

// `repeats` and `generation_kwargs`; without stop strings the text ends before the delimiter of
// shots.
GenerationConfig read_generation(const TaskFile& file, const std::string& fewshot_delimiter);
// `num_fewshot`, `fewshot_split` and `fewshot_config`; what the section leaves out is the task's
// own.
FewshotConfig read_fewshot(const TaskFile& file, const TaskConfig& task);

}  // namespace evalharness
