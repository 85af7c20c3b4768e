// Two finished runs, compared document by document: every metric is scored again from the journals, without a model.
#pragma once

#include <string>

#include "harness/result/run_comparison.h"

namespace evalharness {

// `variant`: "dense" or "compressed" of both runs; "": compressed where a run has one. Of each task that both ran, every
// metric of both with the paired difference, and of each group that both have alike. Needs the tasks' data on this machine, and fetches none. Fails where a run is
// not finished or has no such variant, where they share no task, and where their models, their protocols or what they
// asked are not the same.
RunComparison compare_runs(const std::string& folder_a, const std::string& folder_b, const std::string& variant);

}  // namespace evalharness
