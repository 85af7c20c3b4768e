// The kernels of token_kernels.inc for avx512bf16.
#include "harness/backend/kernels/token_kernels.h"

#define KERNEL_NAMESPACE avx512bf16
#define KERNEL_LANES 16
#define KERNEL_TABLE kTokenKernels_avx512bf16
#include "harness/backend/kernels/token_kernels.inc"
