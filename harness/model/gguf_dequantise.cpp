// Block layouts of ggml (ggml-common.h of llama.cpp). The k-quants have super-blocks of 256 values
// whose sub-blocks share a half-precision scale, each with a small integer scale (and minimum) of
// its own.
#include "harness/model/gguf_dequantise.h"

#include <array>
#include <bit>
#include <cstring>

#include "harness/math/bfloat16.h"
#include "harness/math/float16.h"

namespace evalharness {
namespace {

static_assert(std::endian::native == std::endian::little,
              "GGUF files are read in place, little-endian");

constexpr size_t kSuperBlock = 256;

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float half(const std::byte* from) { return from_float16(load<uint16_t>(from)); }
int byte_at(const std::byte* from, size_t i) { return std::to_integer<int>(from[i]); }
float signed_byte_at(const std::byte* from, size_t i) {
  return static_cast<float>(load<int8_t>(from + i));
}

void float32(const std::byte* block, float* y) { *y = load<float>(block); }
void float16(const std::byte* block, float* y) { *y = half(block); }
void bfloat16(const std::byte* block, float* y) { *y = from_bfloat16(load<uint16_t>(block)); }

// Byte i of the 16 holds value i in its low half and value i + 16 in its high half.
int nibble(const std::byte* codes, size_t i) {
  return i < 16 ? byte_at(codes, i) & 15 : byte_at(codes, i - 16) >> 4;
}
int bit(uint32_t bits, size_t i) { return static_cast<int>((bits >> i) & 1u); }

// half scale, 16 bytes of codes
void q4_0(const std::byte* block, float* y) {
  const float scale = half(block);
  for (size_t i = 0; i < 32; ++i) y[i] = scale * static_cast<float>(nibble(block + 2, i) - 8);
}

// half scale, half minimum, 16 bytes of codes
void q4_1(const std::byte* block, float* y) {
  const float scale = half(block), minimum = half(block + 2);
  for (size_t i = 0; i < 32; ++i) y[i] = scale * static_cast<float>(nibble(block + 4, i)) + minimum;
}

// half scale, 32 fifth bits, 16 bytes of codes
void q5_0(const std::byte* block, float* y) {
  const float scale = half(block);
  const uint32_t fifth = load<uint32_t>(block + 2);
  for (size_t i = 0; i < 32; ++i)
    y[i] = scale * static_cast<float>((nibble(block + 6, i) | bit(fifth, i) << 4) - 16);
}

// half scale, half minimum, 32 fifth bits, 16 bytes of codes
void q5_1(const std::byte* block, float* y) {
  const float scale = half(block), minimum = half(block + 2);
  const uint32_t fifth = load<uint32_t>(block + 4);
  for (size_t i = 0; i < 32; ++i)
    y[i] = scale * static_cast<float>(nibble(block + 8, i) | bit(fifth, i) << 4) + minimum;
}

// half scale, 32 signed bytes
void q8_0(const std::byte* block, float* y) {
  const float scale = half(block);
  for (size_t i = 0; i < 32; ++i) y[i] = scale * signed_byte_at(block + 2, i);
}

// In the k-quants value i of a super-block has its two low bits in byte (i / 128) * 32 + i % 32,
// the pair number (i / 32) % 4 from the right.
int pair_of_bits(const std::byte* codes, size_t i) {
  return (byte_at(codes, i / 128 * 32 + i % 32) >> (i / 32 % 4 * 2)) & 3;
}

// 16 bytes of (minimum << 4 | scale), 64 bytes of 2-bit codes, half scale, half minimum
void q2_k(const std::byte* block, float* y) {
  const float scale = half(block + 80), minimum = half(block + 82);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const int both = byte_at(block, i / 16);
    const float sub_scale = scale * static_cast<float>(both & 15);
    const float sub_minimum = minimum * static_cast<float>(both >> 4);
    y[i] = sub_scale * static_cast<float>(pair_of_bits(block + 16, i)) - sub_minimum;
  }
}

// Twelve bytes hold sixteen 6-bit scales: four low bits in the first eight bytes, two high in the
// last four.
int q3_k_scale(const std::byte* packed, size_t group) {
  const int low = byte_at(packed, group % 8) >> (group < 8 ? 0 : 4) & 15;
  const int high = byte_at(packed, 8 + group % 4) >> (group / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

// 32 bytes of third bits (bit i / 32 of byte i % 32; a zero means minus four), 64 bytes of 2-bit
// codes, 12 bytes of scales, half scale
void q3_k(const std::byte* block, float* y) {
  const float scale = half(block + 108);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const float sub_scale = scale * static_cast<float>(q3_k_scale(block + 96, i / 16));
    const int third = (byte_at(block, i % 32) >> (i / 32)) & 1;
    y[i] = sub_scale * static_cast<float>(pair_of_bits(block + 32, i) - (third ? 0 : 4));
  }
}

struct ScaleAndMinimum {
  int scale, minimum;
};

// Twelve bytes hold eight 6-bit scales and eight 6-bit minima: the first four of each whole in
// bytes 0..3 and 4..7; the others have four bits in bytes 8..11 and two in the top of bytes 0..7.
ScaleAndMinimum q4_k_scale(const std::byte* packed, size_t group) {
  if (group < 4) return {byte_at(packed, group) & 63, byte_at(packed, group + 4) & 63};
  const int low = byte_at(packed, group + 4);
  return {(low & 15) | (byte_at(packed, group - 4) >> 6) << 4,
          (low >> 4) | (byte_at(packed, group) >> 6) << 4};
}

// Value i has its four low bits in byte (i / 64) * 32 + i % 32: low half for even i / 32, high half
// for odd.
int k_nibble(const std::byte* codes, size_t i) {
  return (byte_at(codes, i / 64 * 32 + i % 32) >> (i / 32 % 2 * 4)) & 15;
}

// half scale, half minimum, 12 bytes of scales, 128 bytes of codes
void q4_k(const std::byte* block, float* y) {
  const float scale = half(block), minimum = half(block + 2);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const ScaleAndMinimum sub = q4_k_scale(block + 4, i / 32);
    y[i] = scale * static_cast<float>(sub.scale) * static_cast<float>(k_nibble(block + 16, i)) -
           minimum * static_cast<float>(sub.minimum);
  }
}

// half scale, half minimum, 12 bytes of scales, 32 bytes of fifth bits, 128 bytes of codes
void q5_k(const std::byte* block, float* y) {
  const float scale = half(block), minimum = half(block + 2);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    const ScaleAndMinimum sub = q4_k_scale(block + 4, i / 32);
    const int fifth = (byte_at(block + 16, i % 32) >> (i / 32)) & 1;
    y[i] = scale * static_cast<float>(sub.scale) *
               static_cast<float>(k_nibble(block + 48, i) | fifth << 4) -
           minimum * static_cast<float>(sub.minimum);
  }
}

// 128 bytes of low halves, 64 bytes of high pairs, 16 signed scales, half scale
void q6_k(const std::byte* block, float* y) {
  const float scale = half(block + 208);
  for (size_t i = 0; i < kSuperBlock; ++i) {
    // 64 bytes serve 128 values: value i of them is in byte i % 64, low half first.
    const int low = (byte_at(block, i / 128 * 64 + i % 64) >> (i / 64 % 2 * 4)) & 15;
    const int code = (low | pair_of_bits(block + 128, i) << 4) - 32;
    y[i] = scale * signed_byte_at(block + 192, i / 16) * static_cast<float>(code);
  }
}

constexpr std::array<GgufType, 13> kTypes = {{
    {0, "F32", 1, 4, float32},
    {1, "F16", 1, 2, float16},
    {30, "BF16", 1, 2, bfloat16},
    {8, "Q8_0", 32, 34, q8_0},
    {2, "Q4_0", 32, 18, q4_0},
    {3, "Q4_1", 32, 20, q4_1},
    {6, "Q5_0", 32, 22, q5_0},
    {7, "Q5_1", 32, 24, q5_1},
    {10, "Q2_K", kSuperBlock, 84, q2_k},
    {11, "Q3_K", kSuperBlock, 110, q3_k},
    {12, "Q4_K", kSuperBlock, 144, q4_k},
    {13, "Q5_K", kSuperBlock, 176, q5_k},
    {14, "Q6_K", kSuperBlock, 210, q6_k},
}};

}  // namespace

std::span<const GgufType> gguf_types() { return kTypes; }

const GgufType* find_gguf_type(uint32_t id) {
  for (const GgufType& type : kTypes)
    if (type.id == id) return &type;
  return nullptr;
}

const GgufType* find_gguf_type(std::string_view name) {
  for (const GgufType& type : kTypes)
    if (type.name == name) return &type;
  return nullptr;
}

}  // namespace evalharness
