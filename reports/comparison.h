// The content of the one table, before it is text or markdown: sections of rows, a cell a variant.
#pragma once

#include <string>
#include <vector>

#include "harness/result/run_result.h"

namespace evalharness {

struct ComparisonRow {
  std::string label;               // "piqa acc"
  std::vector<std::string> cells;  // one a variant; empty where there is no number
  std::string change;              // compressed against dense
  std::string count;               // documents, windows or repetitions: "200/1838"
  std::string protocol;            // "lm-eval 1.0, sample"
  std::vector<size_t> notes;  // indices of Comparison::notes: why a cell is empty, and the like
  // Whether the change is a proven one for the better (> 0) or the worse (< 0); 0 where neither.
  int verdict = 0;
};

struct ComparisonSection {
  std::string title;  // "quality on cpu"
  std::vector<ComparisonRow> rows;
};

struct Comparison {
  std::vector<std::string> columns;  // names of the variants
  std::vector<ComparisonSection> sections;
  std::vector<std::string> unavailable;  // "cuda: no CUDA device on this machine"
  std::vector<std::string> notes;
};

// " [1, 2]": the numbers of the row's notes; empty where it has none.
std::string note_marks(const ComparisonRow& row);

Comparison compare_variants(const RunResult& result);

// "gptq_4bit: ok", then what ran where: "smollm2-135m, gptq", "Example CPU, 2 threads, commit
// 0123abc".
std::vector<std::string> headline(const RunResult& result);

}  // namespace evalharness
