// Two runs of one model on the same documents: plain data, all that reports/ reads of a comparison.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/result/run_result.h"

namespace evalharness {

struct ComparedRun {
  std::string folder, name, variant;
};

// B against A on the documents of one task.
struct ComparedMetric {
  std::string task, metric, protocol;
  Estimate a, b;
  PairResult pair;  // as of a compressed model, B, against a dense one, A
  std::optional<double> p_value;  // of the test: that the true difference is none
  std::string test;               // "McNemar" (exact), "paired t" (by the paired standard error); "" for none
  TaskResult of_a = {}, of_b = {};  // for what was lost on the way to the numbers
};

struct RunComparison {
  ComparedRun a, b;
  std::vector<ComparedMetric> metrics;
  std::vector<std::string> only_a, only_b;  // tasks that the other did not run
  struct LeftOut {
    std::string task, reason;
  };
  std::vector<LeftOut> left_out;  // tasks, or a metric of one, that both ran and that are not compared
  struct Setting {
    std::string key, a, b;  // values as JSON, "" where a run has no such key
  };
  std::vector<Setting> settings;  // in which the two configs differ
};

}  // namespace evalharness
