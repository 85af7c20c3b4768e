// What each verb does, given its arguments. main.cpp reads the command line; a verb returns the exit
// code: 0, or 1 where the work was done and the answer is bad news. A user's mistake is thrown as Error.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/run/bench.h"
#include "harness/run/run_config.h"

namespace evalharness {

struct RunArguments {
  std::string config;
  RunOverrides overrides;
  std::string out;     // folder; "": runs/<name>-<time>
  std::string resume;  // folder of an earlier run of the same config
  bool offline = false;
  bool fresh = false;  // the dense model is asked again, though an earlier run kept its answers
};
// Where dense answers are kept for later runs; "" where they are to be fresh.
std::string answers_folder(const RunArguments& arguments);
// report.md, report.csv and roofline.svg beside the record.
void write_reports(const std::string& folder, const RunResult& record);
int run_verb(const RunArguments& arguments);
int plan_verb(const RunArguments& arguments);      // requests, tokens, memory; loads no weights
int sweep_verb(const RunArguments& arguments);     // `config` is a suite, `out` the folder of its cells
int compress_verb(const RunArguments& arguments);  // saves what a run would compress in the folder `out`
int validate_verb(const RunArguments& arguments);  // reads the config and says what it resolved to

// How many of the lm-evaluation-harness task files below a folder are understood; 1 where one is not.
int tasks_check_verb(const std::string& folder, const std::string& output);

int list_verb(const std::string& what);            // methods, tasks, models, datasets, backends; "": all
int fetch_verb(const std::vector<std::string>& names, bool offline);
int report_verb(const std::string& run_folder, const std::string& format);

struct CompareArguments {
  std::string a, b;     // folders of finished runs
  std::string variant;  // of both; "": compressed where a run has one
  std::string format = "md";
};
int compare_verb(const CompareArguments& arguments);

struct ModelArguments {
  std::string model;
  std::string dtype = "bf16";
  std::string gemm = "fastest";
  bool offline = false;
};
// One JSON string a line on standard input, one JSON array of ids a line out; `text` in place of the input.
int tokenize_verb(const ModelArguments& arguments, const std::vector<std::string>& text);
// One request a line on standard input, one answer a line out, in order.
int score_verb(const ModelArguments& arguments, bool token_log_probs);

// Speed only, printed as md, csv or json.
int bench_verb(const BenchConfig& config, const std::string& output);

}  // namespace evalharness
