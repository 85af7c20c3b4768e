// What the probes may execute on this machine: the CPU has it and the kernel saves its registers.
#pragma once

#include <string>
#include <vector>

namespace evalharness {

struct CpuFeatures {
  bool avx2_fma = false;
  bool avx512 = false;       // F, BW, DQ and VL
  bool avx512_vnni = false;  // vpdpbusd on 512 bits
  bool avx512_bf16 = false;  // vdpbf16ps
  bool amx_bf16 = false, amx_int8 = false;
};

// Asks the CPU once, and the kernel for its permission to use AMX tiles.
const CpuFeatures& cpu_features();
// The names of those that are there, in the order above: "avx2", "avx512", ...
std::vector<std::string> feature_names(const CpuFeatures& features);

}  // namespace evalharness
