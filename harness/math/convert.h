// Rows of numbers from one type to another: what bfloat16.h and float16.h do, many at a time, bit for bit.
#pragma once

#include <cstdint>
#include <span>

namespace evalharness {

void to_bfloat16(std::span<const float> from, uint16_t* to);
void round_to_bfloat16(std::span<const float> from, float* to);
void to_float16(std::span<const float> from, uint16_t* to);
void from_float16(std::span<const uint16_t> from, float* to);

}  // namespace evalharness
