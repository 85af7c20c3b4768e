#include "harness/math/isa.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "harness/base/error.h"

namespace evalharness {
namespace {

constexpr std::array<Isa, 5> kRising = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16,
                                        Isa::amx};

// GCC 12 does not know AMX in __builtin_cpu_supports.
constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;  // leaf 7, EDX
constexpr long kRequestPermission = 0x1023;                                        // ARCH_REQ_XCOMP_PERM
constexpr long kTileData = 18;                                                     // XFEATURE_XTILEDATA

// The kernel grants tiles to a process that asks; one that does not save them (before Linux 5.16) refuses, though CPUID names them.
AmxTypes find_amx() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (edx & kAmxTile) == 0) return {};
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0) return {};
  return {.bf16 = (edx & kAmxBf16) != 0, .int8 = (edx & kAmxInt8) != 0};
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
      return has_isa(Isa::avx512bf16) && amx_types().bf16;
  }
  EH_ASSERT(false);
}

const AmxTypes& amx_types() {
  static const AmxTypes types = find_amx();
  return types;
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
