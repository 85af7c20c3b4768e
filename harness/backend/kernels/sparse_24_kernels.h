// Kernels over a panel of sparse.2:4.bf16, whose bytes harness/ops/sparse_24.h lays out. `values` and
// `indices` are those of the first input, a multiple of 32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "harness/math/gemm.h"

namespace evalharness {

inline constexpr size_t kInputsOfWord24 = 32;  // of an index word

struct Unpacker24 {
  // Puts the zeros back: `words` times 32 inputs in the order of a dense panel.
  void (*unpack)(const uint16_t* values, const uint32_t* indices, size_t words, uint16_t* places);
  std::string name;  // "unpack avx2"
};
Unpacker24 unpacker_24(Isa isa);

// Selects the inputs that the stored weights want, which is half the products. product.panel is not
// read; product.add is unset.
using Select24 = void (*)(const PanelProduct<uint16_t>& product, const uint16_t* values,
                          const uint32_t* indices);
// By the number of rows of a pass, from one on. None where `isa` has no such kernel.
std::span<const Select24> select_24_kernels(Isa isa);

}  // namespace evalharness
