// What a task file may say as `output_type`, the metrics of each, and how its `metric_list` is read.
#pragma once

#include <vector>

#include "tasks/task_config.h"

namespace evalharness {

struct KnownMetric {
  const char* name;
  const char* aggregation;
  bool higher_is_better;
  bool by_default;  // where the file has no metric_list
};

struct OutputType {
  const char* name;
  TaskConfig::Kind kind;
  std::vector<KnownMetric> metrics;
};

// Of `output_type`, generate_until where the file does not say. Fails on another, naming the nearest.
const OutputType& read_output_type(const TaskFile& file);
// In the order of `metric_list`, or those by default. Fails on a metric, an aggregation or an option that is not known.
std::vector<MetricConfig> read_metrics(const TaskFile& file, const OutputType& type);

}  // namespace evalharness
