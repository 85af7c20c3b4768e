// Instruction sets that CPU kernels are written for, chosen at run time.
#pragma once

#include <string>

namespace evalharness {

// In rising order. avx2 includes FMA and F16C; avx512 is F, BW, VL and DQ; avx512bf16 adds BF16.
enum class Isa { scalar, avx2, avx512, avx512bf16, amx };
std::string isa_name(Isa isa);
Isa best_isa();  // of this machine, by CPUID
bool has_isa(Isa isa);
bool has_vbmi2();  // AVX512_VBMI2: expands 16-bit lanes

}  // namespace evalharness
