// A suite: runs that share a base config, and the sweep that does them one after the other.
//
//     base: {model: smollm2-135m, tasks: [wikitext2], limits: {wikitext2: 12}}
//     cells:
//       rtn-4bit: {compress: [{method: rtn, bits: 4, group: 128}]}
//
// A cell may set any key of a run's config; it stands in the place of the base's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/result/run_result.h"
#include "harness/run/run_config.h"

namespace evalharness {

struct Suite {
  std::string name;              // of the file, without folder and ending
  std::vector<RunConfig> cells;  // in the file's order, by their names there
};

// Every cell is checked before any runs.
Suite read_suite(const std::string& path, const RunOverrides& overrides);

struct SweepOptions {
  std::string folder;  // of the cells' folders
  bool offline = false;
  std::string answers = {};  // RunOptions::answers
};

struct SweptCell {
  std::string folder;   // <sweep folder>/<cell>-<key>
  RunResult record;     // status "failed: <error>" where the run threw one
  bool reused = false;  // a record that was there
};

// Whether a run came to its end: it is not computed again.
bool is_finished(const RunResult& record);

// Runs the cells in order and hands each over when it is done. The key in a cell's folder is made
// of its resolved config, the hashes of the model, the program, what the tasks ask and the calibration text, and the instruction
// set: a record of that key with status "ok" or "diverged" is not computed again, one of another build, model or data stays where
// it is and is not used, and a failed cell is tried again. A cell that fails does not stop the others. Throws
// Interrupted; what was answered is in the journals.
std::vector<SweptCell> sweep(const Suite& suite, const SweepOptions& options,
                             const std::function<void(const SweptCell& cell)>& on_cell);

}  // namespace evalharness
