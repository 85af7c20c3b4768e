// A whole run: config -> model -> calibrate -> compress -> evaluate -> measure -> record.
#pragma once

#include <functional>
#include <string>

#include "harness/result/run_result.h"
#include "harness/run/run_config.h"

namespace evalharness {

struct RunOptions {
  std::string folder;    // of record.json and journal.jsonl; made if it is not there, gone on with if it is
  bool offline = false;
  std::string answers = {};  // folder of dense answers of earlier runs (answer_cache.h); "": every one is asked for
};

// Of all that decides an answer, from a record's config and context: a journal of another run is refused.
std::string run_hash(const Value& config, const Value& context);

// Where a run of this config goes: runs/<name>-<time>.
std::string default_folder(const RunConfig& config);

// Runs all of it. The record is written to folder/record.json whenever a stage ends, so that a run that stops
// keeps what it had; its status then says why. Errors of the user's making are thrown before the model is loaded
// where that can be. Status is "ok", "diverged" (a perplexity is not finite) or "interrupted".
RunResult run(const RunConfig& config, const RunOptions& options);

}  // namespace evalharness
