// Methods applied to a model, and the result in a folder of its own.
#pragma once

#include <string>
#include <vector>

#include "harness/backend/backend.h"
#include "harness/model/model.h"
#include "harness/run/inputs.h"
#include "harness/run/run.h"

namespace evalharness {

// Fails where a method of the config cannot treat the model, or comes in an order that would undo what the model or a step
// before it went through. Of a plain checkpoint it looks at the sizes only.
void check_methods(const Checkpoint& checkpoint, const RunConfig& config);

// Every method of the config, in order, then its head; a report a step. Throws Interrupted between steps when
// interrupt_requested().
std::vector<StepReport> compress_model(Model& model, const RunConfig& config,
                                       const ModelInputs& inputs, const Backend& backend);

// `memory_bytes`: as bound to a backend, 0 where it is not.
SizeReport size_report(const Model& model, uint64_t memory_bytes);
double compression_ratio(const SizeReport& dense, const SizeReport& compressed);

// The record that compress() left in a packed folder: how the model was made, and how large it was
// before.
RunResult packed_record(const std::string& folder);

// Compresses the config's model and saves it, with its tokenizer and the record of how it was made,
// in options.folder, which a later run names as its model (see packed.h). The record has sizes and
// steps, no answers.
RunResult compress(const RunConfig& config, const RunOptions& options);

}  // namespace evalharness
