// Products of integers with the codes of an "int8.row.sym" weight. Codes are unsigned (0..255, 128 stands for 0)
// and x is signed, as vpdpbusd has its operands; nothing is rounded, and sums do not depend on their order.
//
// Unpacked codes lie as panel[k / 4][64][4] bytes. The planes of int_group.h split into bytes in the order
// 0 4 1 5 2 6 3 7 of each eight inputs, so x is brought into that order instead, once for all outputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/math/isa.h"
#include "harness/ops/int_group.h"

namespace evalharness {

// y[rows, 64] = x[rows, k] * panel, or y += where `add` is set. k is a multiple of 32 and at most kMostInt8Depth.
struct Int8Product {
  const int8_t* x = nullptr;
  size_t x_stride = 0;
  size_t rows = 0, k = 0;
  const uint8_t* panel = nullptr;  // 64-byte aligned
  int32_t* y = nullptr;            // [rows, 64], compact
  bool add = false;
};

// A token's activations as integers: x_j is nearly codes[place of j] * scale.
struct Int8Token {
  float scale = 0;
  int32_t sum = 0;  // of the codes
};

// The scales of the 64 outputs of a panel, 0 for those of the padding.
void load_int8_scales(const IntGroupLinear& weight, size_t panel, float* scales);

struct Int8Kernels {
  const char* few;   // what multiplies packed codes: "avx512vnni"
  const char* many;  // what multiplies unpacked ones: "amx"
  // Codes of inputs [begin, end) of a panel, multiples of 32: 64 * (end - begin) bytes.
  void (*unpack)(const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, uint8_t* to);
  // quantise_token() of x [n], in the order above, padded with zeros to `depth`, a multiple of 32; by its own scale where
  // `scale` is 0.
  Int8Token (*quantise)(const float* x, size_t n, size_t depth, float scale, int8_t* codes);
  void (*multiply)(const Int8Product& product);
  // The same with the codes of inputs [begin, begin + k) of a panel as they are packed, in registers, for a few rows;
  // product.panel is not read, product.add not set. Null where there is none.
  void (*multiply_packed)(const IntGroupLinear& weight, size_t panel, size_t begin, const Int8Product& product);
};
// The fastest ones that `isa` and this machine allow.
const Int8Kernels& int8_kernels(Isa isa);

// multiply_packed where that pays, else block by block through unpack and multiply.
void multiply_int8_few(const Int8Kernels& kernels, const IntGroupLinear& weight, size_t panel, size_t begin,
                       Int8Product product);

}  // namespace evalharness
