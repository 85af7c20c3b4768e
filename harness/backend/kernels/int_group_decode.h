// Turns packed integer weights into values in panel order: (code - zero) * scale in float32, for a
// bfloat16 layout rounded to bfloat16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "harness/math/isa.h"
#include "harness/ops/int_group.h"

namespace evalharness {

template <class T>  // float or uint16_t
struct IntGroupDecoder {
  // Inputs [begin, end) of a panel, both multiples of 16: 64 * (end - begin) values.
  void (*decode)(const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, T* to);
  std::string name;  // "unpack avx512"
};
// The fastest one that `isa` and this machine allow.
IntGroupDecoder<float> int_group_decoder_f32(Isa isa);
IntGroupDecoder<uint16_t> int_group_decoder_bf16(Isa isa);

}  // namespace evalharness
