// Rows of numbers from one type to another: to_bfloat16 and from_bfloat16, many at a time, bit for
// bit.
#pragma once

#include <cstdint>
#include <span>

namespace evalharness {

void to_bfloat16(std::span<const float> from, uint16_t* to);
void round_to_bfloat16(std::span<const float> from, float* to);

}  // namespace evalharness
