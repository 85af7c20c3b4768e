// What a run is asked to do: read from YAML, and checked whole before any work starts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/backend/bound_linear.h"
#include "harness/base/config_node.h"
#include "harness/engine/model_scorer.h"
#include "methods/method.h"
#include "tasks/task_group.h"

namespace evalharness {

struct CalibrationConfig {
  std::string dataset = "c4";
  size_t samples = 128, length = 2048;
  uint64_t seed = 0;
};

// How tasks put their questions; the template itself is the model's.
struct ChatConfig {
  bool template_wanted = false;
  std::string template_name;  // of several; "" for the default
  bool fewshot_as_multiturn = true;
  std::string system_instruction;
  bool is_plain() const { return !template_wanted && system_instruction.empty(); }
};

struct RunTask {
  std::string name;
  TaskPtr task;
  Limit limit;  // documents, or windows of a perplexity
};

// A workload to time. Prefill: `tokens` at once behind `context`; decode: `tokens` one by one behind `context`.
struct SpeedConfig {
  bool decode = false;
  size_t tokens = 512, context = 0, batch = 1;
  std::string phase() const { return decode ? "decode" : "prefill"; }
};

struct RunConfig {
  std::string name;   // of the file, without folder and ending
  std::string model;  // a name of the model list, a folder, a .gguf file
  Dtype dtype = Dtype::bf16;
  Dtype kv_cache = Dtype::bf16;  // and of the products of attention; default: the dtype
  GemmLibrary gemm = GemmLibrary::fastest;
  std::string head = "dense";  // of the compressed variant: see store_head
  std::vector<MethodPtr> methods;
  std::vector<std::string> method_names;
  CalibrationConfig calibration;
  ChatConfig chat;
  std::vector<RunTask> tasks;
  std::vector<TaskGroup> groups;  // of those tasks
  std::vector<std::string> backends;
  std::vector<SpeedConfig> speed;
  EngineOptions engine;
  std::string judge;  // command that scores answers of tasks of agreement (judge.h); "": none
  bool compresses() const { return !methods.empty() || head != "dense"; }
  Value resolved;     // every key with its value, defaults included
};

// Changes from the command line.
struct RunOverrides {
  std::vector<std::string> set;    // "calibration.samples=32"
  std::vector<std::string> limit;  // empty, or one for every task: "200", "random:200"
  bool full = false;               // lifts the config's own limits
};

// Fails with file:line:column, the key, what was expected and what came.
RunConfig read_run_config(const std::string& path, const RunOverrides& overrides);
// The same of a map that was read already, for a run of that name.
RunConfig read_run_config(ConfigNode root, const std::string& name, const RunOverrides& overrides);

}  // namespace evalharness
