#include "harness/backend/kernels/masked_codes.h"

#include <algorithm>

#include "harness/backend/kernels/masked_codes_isa.h"
#include "harness/ops/sparse_bitmask_int.h"

namespace evalharness {
namespace {

using detail::kWordOutputs;

// The references of the others.
const uint8_t* expand_scalar(std::span<const uint64_t> mask, const uint32_t* zeros, const uint8_t* codes, size_t bits, uint32_t* lanes) {
  for (size_t word = 0; word < mask.size(); codes += masked_code_bytes(mask[word], bits), ++word) {
    size_t at = 0;  // bits
    for (size_t output = 0; output < kWordOutputs; ++output) {
      uint32_t lane = zeros[word % kQuad * kWordOutputs + output];
      for (size_t i = 0; i < kQuad; ++i) {
        if ((mask[word] >> (output * kQuad + i) & 1) == 0) continue;
        const uint32_t two_bytes = codes[at / 8] | static_cast<uint32_t>(codes[at / 8 + 1]) << 8;
        const uint32_t code = two_bytes >> at % 8 & ((1u << bits) - 1);
        lane = (lane & ~(0xffu << 8 * i)) | code << 8 * i;
        at += bits;
      }
      *lanes++ = lane;
    }
  }
  return codes;
}

void products_scalar(const uint32_t* lanes, size_t inputs, std::span<const FixedInputs> rows, int32_t* sums) {
  std::fill_n(sums, rows.size() * kPanelWidth, 0);
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t k = 0; k < inputs; ++k)
      for (size_t j = 0; j < kPanelWidth; ++j)
        sums[r * kPanelWidth + j] += rows[r].x[k] * static_cast<int32_t>(lanes[k / kQuad * kPanelWidth + j] >> 8 * (k % kQuad) & 0xff);
}

const uint8_t* multiply_scalar(const MaskedPiece& piece, std::span<const FixedInputs> rows, float* y, size_t y_stride) {
  return detail::multiply_plainly(expand_scalar, products_scalar, piece, rows, y, y_stride);
}

}  // namespace

MaskedCodes masked_codes(Isa isa, size_t bits) {
  if (isa < Isa::avx2 || !__builtin_cpu_supports("bmi2")) return {expand_scalar, multiply_scalar, "scalar"};
  if (isa >= Isa::avx512 && detail::has_masked_codes_vbmi2()) return detail::masked_codes_vbmi2(bits);
  return detail::masked_codes_avx2();
}

}  // namespace evalharness
