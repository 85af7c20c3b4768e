#include "harness/measure/cpu_features.h"

#include "harness/math/isa.h"

namespace evalharness {
namespace {

CpuFeatures detect() {
  CpuFeatures found;
  __builtin_cpu_init();
  found.avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  found.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  found.avx512_vnni = found.avx512 && __builtin_cpu_supports("avx512vnni");
  found.avx512_bf16 = found.avx512 && __builtin_cpu_supports("avx512bf16");
  found.amx_bf16 = amx_types().bf16;
  found.amx_int8 = amx_types().int8;
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
