// Instruction sets that CPU kernels are written for, chosen at run time.
#pragma once

#include <string>

namespace evalharness {

// In rising order. avx2 includes FMA and F16C; avx512 is F, BW, VL and DQ; avx512bf16 adds BF16.
enum class Isa { scalar, avx2, avx512, avx512bf16, amx };
std::string isa_name(Isa isa);
// Of this machine: by CPUID, and for AMX by the kernel's permission.
Isa best_isa();
bool has_isa(Isa isa);
// The types that AMX tiles multiply here: the processor has them, and the kernel grants them to this process.
struct AmxTypes {
  bool bf16 = false, int8 = false;
};
const AmxTypes& amx_types();
bool has_vbmi2();  // AVX512_VBMI2: expands 16-bit lanes

}  // namespace evalharness
