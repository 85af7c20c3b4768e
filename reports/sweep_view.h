// The records of a suite as one table, before it is text: a row a cell, the dense model first.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/result/run_result.h"
#include "reports/format.h"

namespace evalharness {

// The number that stands for a task in the table: of accuracy and perplexity the first that it has.
struct SweepMetric {
  std::string task, metric, protocol;
  std::string count;  // "12/148"
  std::string label() const { return task + " " + metric_label(metric); }
  MetricStyle style() const { return metric_style(metric); }
};

struct SweepRow {
  std::string name;
  std::string status;                   // "ok", "diverged", "failed: <error>"
  std::vector<std::string> losses;      // "gsm8k exact_match: answers in which ... found nothing: 3"
  SizeReport size;                      // disk_bytes 0: not known, as of a cell that failed
  std::vector<Estimate> quality;        // of each metric; no value where there is none
  std::vector<PairResult> differences;  // to dense, of each metric
  std::vector<Estimate> speedups;       // of each workload
  double compression_seconds = 0;       // of its steps
  // Another row is no larger and no worse in the first metric, and better in one of them.
  bool dominated = false;
};

struct SweepView {
  std::vector<SweepMetric> metrics;    // one a task, in the config's order
  std::vector<std::string> workloads;  // "decode 128 @ 512"
  std::vector<SweepRow> rows;
  bool has_quality() const;  // of any row: there is something to plot
};

SweepView sweep_view(std::span<const RunResult> records);

}  // namespace evalharness
