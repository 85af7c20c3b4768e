// Sizes in whole blocks.
#pragma once

#include <cstddef>

namespace evalharness {

constexpr size_t ceil_div(size_t n, size_t block) { return (n + block - 1) / block; }
constexpr size_t round_up(size_t n, size_t block) { return ceil_div(n, block) * block; }

}  // namespace evalharness
