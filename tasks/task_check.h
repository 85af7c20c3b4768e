// How many task files of a checkout of lm-evaluation-harness are understood here, and what keeps
// the others from it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "harness/base/value.h"

namespace evalharness {

struct CheckedFile {
  enum class Status {
    kRuns,         // loads, renders a sample row, and its dataset is known
    kNoDataset,    // loads and renders; nobody has written a manifest of its dataset
    kNotRendered,  // loads, and no sample row gives requests
    kNeedsPython,  // a field is a Python function
    kNotText,      // images, sound, or a model's code that would be run
    kFails,        // is not understood
    kGroup,        // names other tasks
    kTemplate      // names no task: others include it
  };
  Status status = Status::kFails;
  std::string path;               // below the root
  std::string family;             // the first folder of the path
  std::set<std::string> python;   // fields that are Python functions: "process_docs"
  std::set<std::string> instead;  // transforms that do what its process_docs does, where only that is Python
  std::string reason;             // of what does not run
  Value row;                      // made up; gave `requests`
  Value requests;                 // a list: {context, target}, {context, until, max_gen_toks} or {text}
};

// One file; `path` is below `root`.
CheckedFile check_task_file(const std::string& root, const std::string& path);
// All .yaml files below a folder, in order of their paths. Fails where there is none.
std::vector<CheckedFile> check_task_files(const std::string& root);

// By family and in all, as text, and as JSON with every file: what keeps it from running, or what it asks about a made-up row.
std::string task_check_table(const std::vector<CheckedFile>& files);
Value task_check_json(const std::vector<CheckedFile>& files);
// True where no file fails or is left unrendered: what CI wants to know.
bool all_understood(const std::vector<CheckedFile>& files);

}  // namespace evalharness
