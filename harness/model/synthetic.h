// Models of a real shape with random weights, for measuring speed without a file. What they answer means
// nothing.
#pragma once

#include <memory>
#include <string>

#include "harness/model/checkpoint.h"

namespace evalharness {

// "synthetic:llama-7b", or with a seed "synthetic:llama-7b:3".
bool is_synthetic(const std::string& name);
// Fails with "unknown synthetic model 'llama-8b' (did you mean 'llama-7b'?); there are: ...".
std::unique_ptr<Checkpoint> make_synthetic_checkpoint(const std::string& name);

}  // namespace evalharness
