// A compressed model in a folder of its own, in the form that it runs in: nothing is compressed
// again when it is loaded, and every weight comes back bit-equal.
//
//   config.json          `evalharness_packed: 1`, the ModelConfig, the dtype, the source, and the
//                        sha256 of the weights
//   model.safetensors    the bytes of each weight's op as tensors "<name>/<part>", and under
//                        __metadata__ a block for each "<name>": {"format", "out", "in"}; norms and
//                        biases are F32 vectors "<name>". The data is these bytes and no others:
//                        its size is the model's disk size.
//   tokenizer.*          see tokenizer.h (save_tokenizer)
//
// The file is mapped; each part is copied once, into memory as kernels want it (aligned, on huge
// pages). Nothing in it is believed: sizes are checked against the file's before anything is made
// for them, and a mistake is one line that names file and tensor.
#pragma once

#include <memory>
#include <string>

#include "harness/model/checkpoint.h"
#include "harness/model/model.h"

namespace evalharness {

// The dense model that a packed one was made of.
struct PackedSource {
  std::string model;   // as the config that made it names it
  std::string sha256;  // of that model
};

// Writes config.json and model.safetensors into a folder that is there.
void save_packed(const Model& model, const PackedSource& source, const std::string& folder);

// Whether `path` is a folder whose config.json says so.
bool is_packed(const std::string& path);
PackedSource packed_source(const std::string& folder);
// Fails where the file's sha256 is not that of config.json: it was changed or cut since.
std::unique_ptr<Checkpoint> open_packed(const std::string& folder);

}  // namespace evalharness
