// IEEE half precision as uint16_t: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits.
#pragma once

#include <bit>
#include <cstdint>

namespace evalharness {

// Exact: every half is a float.
inline float from_float16(uint16_t value) {
  const uint32_t sign = static_cast<uint32_t>(value & 0x8000u) << 16;
  const uint32_t exponent = (value >> 10) & 0x1fu;
  const uint32_t fraction = value & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t wide_exponent = exponent == 31 ? 255u : exponent + (127 - 15);
  const uint32_t quiet = exponent == 31 && fraction != 0 ? 0x400000u : 0;  // as the processor's instruction does
  return std::bit_cast<float>(sign | (wide_exponent << 23) | (fraction << 13) | quiet);
}

// Of a number that is finite and not negative: no branches, so that compilers make vectors of it.
inline float from_positive_float16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 13) * 0x1p112f;
}

// Rounded to nearest, ties to even; too large becomes infinity, a NaN stays one.
inline uint16_t to_float16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to 2^16
  if (magnitude <
      0x38800000u) {  // below 2^-14: adding 0.5 leaves round(value * 2^24) in the low bits
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

}  // namespace evalharness
