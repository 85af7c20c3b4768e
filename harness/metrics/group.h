// The numbers of a group's tasks as one.
#pragma once

#include <span>

#include "harness/result/run_result.h"

namespace evalharness {

struct TaskEstimate {
  Estimate estimate;
  size_t documents = 0;
};

// As lm-evaluation-harness, with n_i documents and standard error s_i of each of k tasks:
//   by size: the mean weighted by n_i; error
//     sqrt(sum_i (n_i - 1) n_i s_i^2 / (N - k) / N), with N = sum_i n_i, which is near the error of the
//     mean over all documents together (pooled variance);
//   else: the plain mean, error sqrt(sum_i s_i^2) / k.
// No error where a task has none, or no task has two documents. No value where a task has none: its
// reason is the group's.
Estimate group_mean(std::span<const TaskEstimate> tasks, bool by_size);

// Of changes of the tasks, each with its own error: their plain mean.
Estimate mean_change(std::span<const Estimate> changes);

}  // namespace evalharness
