// What stands before the data of a GGUF file: its keys, and where each tensor lies.
#pragma once

#include <map>
#include <span>
#include <string>

#include "harness/model/gguf.h"

namespace evalharness {

struct GgufHeader {
  std::map<std::string, GgufValue> metadata;
  std::map<std::string, GgufTensor> tensors;  // their bytes point into the file
};

// Every count, length, offset and size is checked against the bytes that are there, so memory stays
// in proportion to the file whatever it says. `path` names the file in errors.
GgufHeader parse_gguf_header(std::span<const std::byte> file, const std::string& path);

// A GGUF file with the keys of this one and no tensors.
std::string gguf_keys_only(const std::string& path);

}  // namespace evalharness
