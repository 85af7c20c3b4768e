// Which rows the quality of a run has in the one table, in their order, and what they are called.
#pragma once

#include <string>
#include <vector>

#include "harness/result/run_result.h"

namespace evalharness {

struct QualityRow {
  std::string task, metric;  // keys of the record
  std::string label;         // "piqa acc"
  bool is_group = false;
};

// By task, groups among them. A task whose name begins with that of its group stands below it and is called by the rest, with
// the metric where that is not the group's only one: "· navigate" of bbh_cot_fewshot_navigate.
std::vector<QualityRow> quality_rows(const RunResult& result, const std::string& backend);

}  // namespace evalharness
