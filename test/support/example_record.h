// A complete record with made-up, plausible values: every field of every struct is set.
#pragma once

#include "harness/result/run_result.h"

namespace evalharness {

// A 135M model, GPTQ to 4 bits, on a two-core CPU; "cuda" is unavailable.
RunResult example_record();

}  // namespace evalharness
