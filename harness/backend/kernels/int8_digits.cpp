#include "harness/backend/kernels/int8_digits.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "harness/backend/kernels/int8_multiply.h"
#include "harness/backend/scratch.h"
#include "harness/base/error.h"

namespace evalharness {
namespace {

constexpr float kLargest = 127 * 256;  // of 256 * high + low

// x_j is nearly (256 * high_j + low_j) * scale.
struct Digits {
  float scale = 0;
  int32_t high_sum = 0, low_sum = 0;
};

// x [n] in the order of int8_multiply.h, n a multiple of 32.
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] Digits split(const uint16_t* x, size_t n,
                                                                                           int8_t* high, int8_t* low) {
  uint32_t largest = 0;  // bits of magnitudes rise with them
  for (size_t j = 0; j < n; ++j) largest = std::max(largest, static_cast<uint32_t>(x[j] & 0x7fff));
  const float magnitude = std::bit_cast<float>(largest << 16);
  const float per_scale = magnitude > 0 ? kLargest / magnitude : 0;
  for (size_t j = 0; j < n; ++j) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(x[j]) << 16);
    const auto integer = static_cast<int32_t>(std::nearbyint(value * per_scale));
    const int32_t upper = (integer + 128) >> 8;
    high[j] = static_cast<int8_t>(upper);
    low[j] = static_cast<int8_t>(integer - upper * 256);
  }
  Digits digits{.scale = magnitude / kLargest};
  for (size_t j = 0; j < n; ++j) digits.high_sum += high[j];
  for (size_t j = 0; j < n; ++j) digits.low_sum += low[j];
  for (size_t j = 0; j < n; j += 8) {
    order_codes(high + j);
    order_codes(low + j);
  }
  return digits;
}

// y [64]: what the sums of both digits stand for.
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] void join_digits(const int32_t* high,
                                                                                              const int32_t* low,
                                                                                              const Digits& digits,
                                                                                              const float* scales, float* y) {
  for (size_t o = 0; o < kPanelWidth; ++o) {
    const auto upper = static_cast<float>(high[o] - 128 * digits.high_sum);
    const auto lower = static_cast<float>(low[o] - 128 * digits.low_sum);
    y[o] = (256 * upper + lower) * (digits.scale * scales[o]);
  }
}

}  // namespace

bool multiplies_int8_digits(Isa isa, const IntGroupLinear& weight) {
  return isa >= Isa::avx512 && int8_kernels(isa).multiply_packed != nullptr && multiplies_int8(weight);
}

void multiply_int8_digits(const IntGroupLinear& weight, size_t panel, size_t begin, const PanelProduct<uint16_t>& product) {
  struct Codes;
  struct Sums;
  EH_ASSERT(!product.add && begin % IntGroupLinear::kUnit == 0);
  const Int8Kernels& kernels = int8_kernels(Isa::avx512);
  const size_t rows = product.rows, k = product.k;
  int8_t* const x = scratch<int8_t, Codes>(2 * rows * k);               // [2][rows][k]
  int32_t* const sums = scratch<int32_t, Sums>(2 * rows * kPanelWidth);  // [2][rows][64]
  Digits* const digits = scratch<Digits, Digits>(rows);
  for (size_t r = 0; r < rows; ++r) digits[r] = split(product.x + r * product.x_stride, k, x + r * k, x + (rows + r) * k);
  multiply_int8_few(kernels, weight, panel, begin, {.x = x, .x_stride = k, .rows = 2 * rows, .k = k, .y = sums});
  float scales[kPanelWidth];
  load_int8_scales(weight, panel, scales);
  for (size_t r = 0; r < rows; ++r)
    join_digits(sums + r * kPanelWidth, sums + (rows + r) * kPanelWidth, digits[r], scales, product.y + r * product.y_stride);
}

}  // namespace evalharness
