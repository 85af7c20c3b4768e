#include "harness/backend/kernels/int_group_multiply.h"

#include <algorithm>
#include <bit>

#include "harness/backend/kernels/int_group_multiply_isa.h"
#include "harness/base/error.h"
#include "harness/math/panel_kernels.h"

namespace evalharness {
namespace {

bool has_vnni(Isa isa) { return isa >= Isa::avx512 && __builtin_cpu_supports("avx512vnni"); }

std::span<const detail::IntGroupKernel> kernels(Isa isa, size_t bits) {
  if (has_vnni(isa)) return detail::int_group_kernels_vnni(bits);
  return isa >= Isa::avx2 ? detail::int_group_kernels_avx2(bits) : std::span<const detail::IntGroupKernel>();
}

}  // namespace

std::string int_group_kernel(Isa isa) {
  if (has_vnni(isa)) return "avx512vnni in place";
  return isa >= Isa::avx2 ? "avx2 in place" : "";
}

Stretches int_group_stretches(const IntGroupLinear& weight, size_t part) { return {weight.grids(), kMostFixedInputs, part}; }

void multiply_int_group(Isa isa, const IntGroupLinear& weight, size_t panel, size_t begin, const FixedRows& x,
                        const PanelProduct<uint16_t>& product) {
  EH_ASSERT(!product.add && begin % IntGroupLinear::kUnit == 0);
  const std::span<const detail::IntGroupKernel> by_rows = kernels(isa, weight.parameters().bits);
  for (size_t row = 0; row < product.rows;) {
    const size_t power = std::min<size_t>(std::bit_width(product.rows - row), by_rows.size()) - 1;
    by_rows[power](weight, panel, begin, x, row, detail::rows_of(product, row, size_t{1} << power));
    row += size_t{1} << power;
  }
}

}  // namespace evalharness
