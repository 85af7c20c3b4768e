// What config.json and generation_config.json of a Hugging Face folder say about the model.
#pragma once

#include <string>

#include "harness/model/architectures.h"

namespace evalharness {

struct HuggingFaceConfig {
  const Architecture& architecture;
  ModelConfig config;  // checked (check_config)
};

// Fails where the folder asks for what this harness does not compute (its scaling, its activation,
// packed weights). eos is config.json's first eos_token_id; end_of_generation has those of both
// files.
HuggingFaceConfig config_of_folder(const std::string& folder);

}  // namespace evalharness
