#include "harness/math/isa.h"

#include <cpuid.h>

#include <array>

#include "harness/base/error.h"

namespace evalharness {
namespace {

constexpr std::array<Isa, 5> kRising = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16,
                                        Isa::amx};

// GCC 12 does not know "amx-bf16" in __builtin_cpu_supports.
bool cpuid_has_amx_bf16() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
  return (edx & kAmxBf16) != 0 && (edx & kAmxTile) != 0;
}

}  // namespace

std::string isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512bf16:
      return "avx512bf16";
    case Isa::amx:
      return "amx";
  }
  EH_ASSERT(false);
}

bool has_isa(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return has_isa(Isa::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq");
    case Isa::avx512bf16:
      return has_isa(Isa::avx512) && __builtin_cpu_supports("avx512bf16");
    case Isa::amx:
      return has_isa(Isa::avx512bf16) && cpuid_has_amx_bf16();
  }
  EH_ASSERT(false);
}

bool has_vbmi2() { return has_isa(Isa::avx512) && __builtin_cpu_supports("avx512vbmi2"); }

Isa best_isa() {
  Isa best = Isa::scalar;
  for (const Isa isa : kRising) {
    if (has_isa(isa)) best = isa;
  }
  return best;
}

}  // namespace evalharness
