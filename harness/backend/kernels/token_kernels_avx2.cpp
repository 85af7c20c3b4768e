// The kernels of token_kernels.inc for avx2.
#include "harness/backend/kernels/token_kernels.h"

#define KERNEL_NAMESPACE avx2
#define KERNEL_LANES 8
#define KERNEL_TABLE kTokenKernels_avx2
#include "harness/backend/kernels/token_kernels.inc"
