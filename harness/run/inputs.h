// What a run works on: opened and checked before any weight is read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/calib/sampler.h"
#include "harness/model/checkpoint.h"
#include "harness/model/tokenizer.h"
#include "harness/run/evaluate.h"
#include "harness/run/run_config.h"

namespace evalharness {

struct ModelInputs {
  std::string path, hash;  // hash: model_hash(); "" of a synthetic model
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Tokenizer> tokenizer;  // null of a synthetic model
  CalibrationSet calibration;            // empty where no method asks for one
  std::string calibration_file_hash;
  bool calibration_sample = false;
  std::string calibration_subset;  // what part of the split the file is; "" for all of it

  // Of a packed model: it is compressed already, and the dense one that it was made of takes part
  // where it is on this machine.
  bool packed = false;
  std::string dense_name, dense_hash;
  std::unique_ptr<Checkpoint> original;
  std::string no_original;  // why there is none

  // Null where a packed model's original is not here.
  const Checkpoint* dense() const { return packed ? original.get() : checkpoint.get(); }
};

ModelInputs open_model_inputs(const RunConfig& config, bool offline);
// Tells the tasks how to put their questions, where the config says other than plain text: before
// prepare_tasks(). Fails where the model has no chat template.
void use_chat(const RunConfig& config, const std::string& model_path, const Tokenizer& tokenizer);
// Of each task, in order.
std::vector<TaskData> prepare_tasks(const RunConfig& config, const ModelInputs& inputs, bool offline);

// The draws and their hashes, for a step's report.
Value calibration_details(const ModelInputs& inputs, const CalibrationConfig& config);
// Machine, build, and hashes of model, tokenizer, data and prompts. `data` is empty where no task
// is asked.
Value run_context(const RunConfig& config, const ModelInputs& inputs,
                  const std::vector<TaskData>& data);

}  // namespace evalharness
