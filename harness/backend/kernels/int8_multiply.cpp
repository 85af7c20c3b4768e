#include "harness/backend/kernels/int8_multiply.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "harness/backend/kernels/int8_multiply_isa.h"
#include "harness/math/float16.h"
#include "harness/math/gemm.h"

namespace evalharness {
namespace {

using detail::kQuad, detail::kQuadBytes;
constexpr size_t kUnit = IntGroupLinear::kUnit;
constexpr uint32_t kNibbles = 0x0f0f0f0f;

// Plain sources that the compiler turns into vectors of each instruction set.

[[gnu::always_inline]] inline void unpack_inputs(const IntGroupLinear& weight, size_t panel, size_t begin,
                                                 size_t end, uint8_t* to) {
  constexpr size_t kPlaneWords = 4 * kPanelWidth;  // of four bits of 32 inputs
  for (size_t k = begin; k < end; k += kUnit) {
    const uint32_t* const words = weight.codes(panel, k);
    for (size_t word = 0; word < 4; ++word, to += 2 * kQuadBytes) {
      auto* const first = reinterpret_cast<uint32_t*>(to);
      uint32_t* const second = first + kPanelWidth;
      for (size_t lane = 0; lane < kPanelWidth; ++lane) {
        const uint32_t low = words[word * kPanelWidth + lane];
        const uint32_t high = words[kPlaneWords + word * kPanelWidth + lane];
        first[lane] = (low & kNibbles) | (high << 4 & ~kNibbles);
        second[lane] = (low >> 4 & kNibbles) | (high & ~kNibbles);
      }
    }
  }
}

// Eight codes into the order of the bytes, in place.
[[gnu::always_inline]] inline void order_codes(int8_t* codes) {
  using Eight = int8_t __attribute__((vector_size(8)));
  Eight eight;
  std::memcpy(&eight, codes, sizeof eight);
  eight = __builtin_shufflevector(eight, eight, 0, 4, 1, 5, 2, 6, 3, 7);
  std::memcpy(codes, &eight, sizeof eight);
}

// The bits of magnitudes rise with them; a maximum of floats would not become vectors.
[[gnu::always_inline]] inline float largest_magnitude(const float* x, size_t n) {
  uint32_t largest = 0;
  for (size_t j = 0; j < n; ++j) largest = std::max(largest, std::bit_cast<uint32_t>(x[j]) & 0x7fffffffu);
  return std::bit_cast<float>(largest);
}

[[gnu::always_inline]] inline Int8Token quantise_row(const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  if (scale == 0) {
    const float largest = largest_magnitude(x, n);
    const float per_scale = largest > 0 ? 127 / largest : 0;
    for (size_t j = 0; j < n; ++j) codes[j] = static_cast<int8_t>(static_cast<int32_t>(std::nearbyint(x[j] * per_scale)));
    scale = largest / 127;
  } else {
    const float per_scale = 1 / scale;
    for (size_t j = 0; j < n; ++j) {
      const auto code = static_cast<int32_t>(std::nearbyint(std::min(std::max(x[j] * per_scale, -127.0f), 127.0f)));
      codes[j] = static_cast<int8_t>(code);
    }
  }
  std::fill(codes + n, codes + depth, int8_t{0});
  int32_t sum = 0;
  for (size_t j = 0; j < n; ++j) sum += codes[j];
  for (size_t j = 0; j < depth; j += 8) order_codes(codes + j);
  return {scale, sum};
}

void unpack_scalar(const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, uint8_t* to) {
  unpack_inputs(weight, panel, begin, end, to);
}
[[gnu::target("avx2")]] void unpack_avx2(const IntGroupLinear& weight, size_t panel, size_t begin, size_t end,
                                         uint8_t* to) {
  unpack_inputs(weight, panel, begin, end, to);
}
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] void unpack_avx512(
    const IntGroupLinear& weight, size_t panel, size_t begin, size_t end, uint8_t* to) {
  unpack_inputs(weight, panel, begin, end, to);
}
Int8Token quantise_scalar(const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  return quantise_row(x, n, depth, scale, codes);
}
[[gnu::target("avx2")]] Int8Token quantise_avx2(const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  return quantise_row(x, n, depth, scale, codes);
}
[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")]] Int8Token quantise_avx512(
    const float* x, size_t n, size_t depth, float scale, int8_t* codes) {
  return quantise_row(x, n, depth, scale, codes);
}

void multiply_scalar(const Int8Product& product) {
  for (size_t r = 0; r < product.rows; ++r) {
    int32_t* const y = product.y + r * kPanelWidth;
    if (!product.add) std::fill_n(y, kPanelWidth, 0);
    for (size_t k = 0; k < product.k; ++k) {
      const int32_t x = product.x[r * product.x_stride + k];
      const uint8_t* const codes = product.panel + k / kQuad * kQuadBytes + k % kQuad;
      for (size_t o = 0; o < kPanelWidth; ++o) y[o] += x * codes[o * kQuad];
    }
  }
}

}  // namespace

const Int8Kernels& int8_kernels(Isa isa) {
  static const Int8Kernels kScalar{"scalar", "scalar", unpack_scalar, quantise_scalar, multiply_scalar, nullptr};
  static const Int8Kernels kAvx2{"avx2", "avx2", unpack_avx2, quantise_avx2, detail::multiply_int8_avx2, detail::multiply_int8_packed_avx2};
  static const Int8Kernels kVnni{"avx512vnni", "avx512vnni", unpack_avx512, quantise_avx512, detail::multiply_int8_vnni, detail::multiply_int8_packed_vnni};
  static const Int8Kernels kAmx{"avx512vnni", "amx", unpack_avx512, quantise_avx512, detail::multiply_int8_amx, detail::multiply_int8_packed_vnni};
  if (isa == Isa::scalar) return kScalar;
  if (isa < Isa::avx512 || !__builtin_cpu_supports("avx512vnni")) return kAvx2;
  return isa == Isa::amx && amx_types().int8 ? kAmx : kVnni;
}

void multiply_int8_few(const Int8Kernels& kernels, const IntGroupLinear& weight, size_t panel, size_t begin,
                       Int8Product product) {
  // Unpacking four times costs as much as writing unpacked codes and reading them back.
  constexpr size_t kMostPackedRows = 8, kBlock = 256;
  if (kernels.multiply_packed != nullptr && product.rows <= kMostPackedRows)
    return kernels.multiply_packed(weight, panel, begin, product);
  alignas(64) uint8_t codes[kBlock * kPanelWidth];  // 16 KiB: they stay in the first-level cache
  const size_t end = begin + product.k;
  for (size_t k = begin; k < end; k += kBlock) {
    product.k = std::min(kBlock, end - k);
    kernels.unpack(weight, panel, k, k + product.k, codes);
    product.panel = codes;
    kernels.multiply(product);
    product.x += product.k;
    product.add = true;
  }
}

void load_int8_scales(const IntGroupLinear& weight, size_t panel, float* scales) {
  const std::byte* const stored = weight.grids().scales(panel, 0);
  if (weight.parameters().dtype == Dtype::f32) {
    std::memcpy(scales, stored, kPanelWidth * sizeof *scales);
    return;
  }
  uint16_t halves[kPanelWidth];
  std::memcpy(halves, stored, sizeof halves);
  for (size_t o = 0; o < kPanelWidth; ++o) scales[o] = from_positive_float16(halves[o]);
}

}  // namespace evalharness
