// A ModelConfig as JSON and back, every field of it: what a packed folder keeps.
#pragma once

#include "harness/base/value.h"
#include "harness/model/json_fields.h"
#include "harness/model/model_config.h"

namespace evalharness {

Value model_config_value(const ModelConfig& config);
// Checked (check_config). Fails on a missing or ill-typed key with its place.
ModelConfig model_config_from(const JsonFields& fields);

}  // namespace evalharness
