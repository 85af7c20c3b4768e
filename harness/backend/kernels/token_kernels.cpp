#include "harness/backend/kernels/token_kernels.h"

#include "harness/math/isa.h"

namespace evalharness {

extern const TokenKernels kTokenKernels_scalar;
extern const TokenKernels kTokenKernels_avx2;
extern const TokenKernels kTokenKernels_avx512;
extern const TokenKernels kTokenKernels_avx512bf16;

const TokenKernels& token_kernels(Isa isa) {
  if (isa >= Isa::avx512bf16) return kTokenKernels_avx512bf16;
  if (isa == Isa::avx512) return kTokenKernels_avx512;
  return isa == Isa::avx2 ? kTokenKernels_avx2 : kTokenKernels_scalar;
}

}  // namespace evalharness
