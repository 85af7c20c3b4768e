// Speed of a model's shape in several weight formats, in the columns that users of llama-bench know.
#pragma once

#include <string>
#include <vector>

#include "harness/ops/linear_op.h"
#include "harness/result/run_result.h"

namespace evalharness {

struct BenchConfig {
  std::string model;                              // name, path or synthetic:NAME
  std::vector<std::string> formats = {};          // none: as the weights are stored, dense.bf16 if they are plain
  std::vector<size_t> prefill = {512}, decode = {128}, batch = {1}, depth = {0};
  double sparsity = 0.5;                          // for formats that store fewer bytes where weights are zero
  std::string head = "dense";                     // see store_head
  double seconds = 5;                             // of each test and format
  bool offline = false;
};

struct BenchRow {
  std::string format, kernel, test;  // "pp512", "tg128 @ d2048"
  size_t batch = 1;
  double weight_bytes = 0, weights = 0;
  SpeedResult speed;
};

struct BenchReport {
  std::string model;
  size_t threads = 1;
  std::vector<Ceiling> compute, bandwidth;
  std::vector<BenchRow> rows;
};

// Weights are rounded or pruned to a format in the simplest way: this measures speed, not quality. All formats are
// in memory and timed by turns (A B C A B C ...), and a speedup is over the first one; where half of the machine's
// memory does not hold them, one after the other, without speedups.
BenchReport bench(const BenchConfig& config);
// Of the model around weights of a format: f32 where it, or a part of it ("quantised_input(int8.row.sym.f32)"), has it.
Dtype model_dtype_of(const std::string& format);
// As "md", "csv" or "json"; fails on another name. What is not known is empty, or null.
std::string bench_text(const BenchReport& report, const std::string& output);

}  // namespace evalharness
