// What a GGUF file's keys say about the model.
#pragma once

#include "harness/model/architectures.h"
#include "harness/model/gguf.h"

namespace evalharness {

// Checked (check_config); fails where the file asks for what this harness does not compute.
ModelConfig config_of_gguf(const GgufFile& file, const Architecture& architecture);

}  // namespace evalharness
