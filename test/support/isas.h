// The instruction sets of this machine: what a test of kernels runs over.
#pragma once

#include <vector>

#include "harness/math/isa.h"

namespace evalharness {

inline std::vector<Isa> isas() {
  std::vector<Isa> there;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx})
    if (has_isa(isa)) there.push_back(isa);
  return there;
}

}  // namespace evalharness
