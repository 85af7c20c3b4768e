// The tensor types of ggml that are read here, and how a block of each becomes float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace evalharness {

// A row is stored as blocks of `block_values` values, `block_bytes` bytes each.
struct GgufType {
  uint32_t id;            // ggml's number in the file
  std::string_view name;  // "Q4_1"
  size_t block_values;
  size_t block_bytes;
  // One block from `block` (block_bytes long, any alignment) to `values` (block_values long). The
  // same bits as ggml: products of a half and small integers are exact, so at most one addition
  // rounds.
  void (*dequantise)(const std::byte* block, float* values);
};

std::span<const GgufType> gguf_types();
// Null pointers where the type is not one that is read here.
const GgufType* find_gguf_type(uint32_t id);
const GgufType* find_gguf_type(std::string_view name);

}  // namespace evalharness
