// The kernels of token_kernels.inc for scalar.
#include "harness/backend/kernels/token_kernels.h"

#define KERNEL_NAMESPACE scalar
#define KERNEL_LANES 4
#define KERNEL_TABLE kTokenKernels_scalar
#include "harness/backend/kernels/token_kernels.inc"
