// Puts zeros back between packed values: place p of the result is the next packed value where bit p
// of the mask is set, else zero. A word of the mask is 64 places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "harness/math/isa.h"

namespace evalharness {

template <class T>  // float or uint16_t
struct Expander {
  // Writes 64 places a word of the mask. Reads at most 64 bytes beyond the last packed value.
  void (*expand)(std::span<const uint64_t> mask, const T* packed, T* places);
  std::string name;  // "expand avx512vbmi2"
};
// The fastest one that `isa` and this machine allow.
Expander<float> expander_f32(Isa isa);
Expander<uint16_t> expander_bf16(Isa isa);

}  // namespace evalharness
