#include "harness/measure/cpu_features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace evalharness {
namespace {

constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;  // leaf 7, EDX

// The kernel grants tiles to a process that asks; one without support for them refuses.
bool tiles_granted() { return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0; }

CpuFeatures detect() {
  CpuFeatures found;
  __builtin_cpu_init();
  found.avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  found.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  found.avx512_vnni = found.avx512 && __builtin_cpu_supports("avx512vnni");
  found.avx512_bf16 = found.avx512 && __builtin_cpu_supports("avx512bf16");
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return found;
  if ((edx & kAmxTile) == 0 || !tiles_granted()) return found;
  found.amx_bf16 = (edx & kAmxBf16) != 0;
  found.amx_int8 = (edx & kAmxInt8) != 0;
  return found;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::vector<std::string> feature_names(const CpuFeatures& features) {
  std::vector<std::string> names;
  if (features.avx2_fma) names.push_back("avx2");
  if (features.avx512) names.push_back("avx512");
  if (features.avx512_vnni) names.push_back("avx512vnni");
  if (features.avx512_bf16) names.push_back("avx512bf16");
  if (features.amx_bf16) names.push_back("amx-bf16");
  if (features.amx_int8) names.push_back("amx-int8");
  return names;
}

}  // namespace evalharness
