// What a run would do: requests, tokens and memory, from the config, the data and the model file's header.
#pragma once

#include <string>

#include "harness/run/run_config.h"

namespace evalharness {

// A table, a line a task, and the memory of weights and activations. Reads no weights, but for a packed model that is to be
// compressed further. Time is said in tokens: no rate is known before something was measured.
std::string plan_text(const RunConfig& config, bool offline);

}  // namespace evalharness
