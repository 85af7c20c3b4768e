// Whole runs of a tiny random model on the bundled samples, in a folder of one test's own.
#pragma once

#include "harness/base/text.h"
#include "harness/run/run.h"
#include "test/support/environment.h"
#include "test/support/temporary_folder.h"
#include "test/support/tiny_files.h"

namespace evalharness {

// No data of this machine takes part.
struct TinyBench {
  TinyBench()
      : data("EVALHARNESS_DATA", folder.path("no-data")),
        cache("EVALHARNESS_CACHE", folder.path("cache")) {
    write_tiny_folder(folder.path("model"), {.context = 2048});
  }
  // Writes a config; `rest` follows the model, which is a name in the folder.
  std::string config(const std::string& rest, const std::string& model = "model") const {
    return write_file(folder.path("tiny.yaml"), cat("model: ", folder.path(model), "\n", rest));
  }
  RunResult run_in(const std::string& name, const std::string& config_path) const {
    return run(read_run_config(config_path, {}), {.folder = folder.path(name), .offline = true});
  }
  TemporaryFolder folder;
  EnvironmentVariable data, cache;
};

// The record without what a clock or the memory of the process decides.
inline std::string timeless(RunResult result) {
  result.context = Value(Value::Map{});
  for (StepReport& step : result.steps) step.seconds = 0, step.peak_memory_bytes = 0;
  for (Variant& variant : result.variants)
    for (BackendResult& backend : variant.backends) {
      backend.peak_memory_bytes = 0;
      for (auto& [name, task] : backend.tasks) task.seconds = 0;
    }
  return to_json(result);
}

}  // namespace evalharness
