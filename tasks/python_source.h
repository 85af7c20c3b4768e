// A look at Python code that is not run here, to say which declarative transforms do the same.
#pragma once

#include <set>
#include <string>

#include "harness/base/config_node.h"

namespace evalharness {

// The transforms (tasks/transforms.h) that cover what a `process_docs: !function utils.f` does, by
// the calls that stand in f and in the functions of its file that it calls. Empty where the file or
// the function is not found, or where it does what no transform can (reads files, draws at random).
std::set<std::string> transforms_for(const ConfigNode& function);
// What a task can do without that function, for an error: the task of this program that has its name, transforms, or
// the adapter by which lm-evaluation-harness asks.
std::string instead_of(const ConfigNode& function, const std::string& task);

}  // namespace evalharness
