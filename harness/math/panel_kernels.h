// Kernels behind multiply_in_registers and multiply_rows, one function an instruction set or a library.
#pragma once

#include "harness/math/gemm.h"

namespace evalharness::detail {

void rows_scalar(const PanelProduct<float>& product);
void rows_scalar(const PanelProduct<uint16_t>& product);
void rows_avx2(const PanelProduct<float>& product);
void rows_avx2(const PanelProduct<uint16_t>& product);
inline constexpr size_t kTurnedRows = 4;  // that are side by side: what is left of a multiple is not turned
void turn_rows_avx2(const PanelProduct<float>& product, float* to);
void turn_rows_avx2(const PanelProduct<uint16_t>& product, float* to);
void rows_avx512(const PanelProduct<float>& product);
void rows_avx512(const PanelProduct<uint16_t>& product);  // widens: no BF16 instructions
void rows_avx512bf16(const PanelProduct<uint16_t>& product);
// One row, whose sums have the order and so the bytes of rows_amx.
void row_as_tiles_avx512(const PanelProduct<uint16_t>& product);
void rows_amx(const PanelProduct<uint16_t>& product);

void onednn_rows(const PanelProduct<float>& product);
void onednn_rows(const PanelProduct<uint16_t>& product);
// Whether oneDNN has a compiled kernel for bfloat16 panels on this machine, not only its reference code.
bool onednn_has_bfloat16();
// Before any call of OpenBLAS: parallel_for owns the cores.
void keep_openblas_on_one_thread();
void openblas_rows(const PanelProduct<float>& product);

// Most rows whose sums 32 registers hold beside a panel's values.
inline constexpr size_t kMostRowsOfPass = 6;
// Rows of the next pass over a panel when so many are left. Seven to eleven go as halves: 6 + 1 would
// stream the panel for a single row.
inline size_t rows_of_pass(size_t left) {
  if (left <= kMostRowsOfPass) return left;
  return left < 2 * kMostRowsOfPass ? (left + 1) / 2 : kMostRowsOfPass;
}

// Rows [first, first + count) of a product.
template <class T>
PanelProduct<T> rows_of(PanelProduct<T> product, size_t first, size_t count) {
  product.x += first * product.x_stride;
  product.y += first * product.y_stride;
  product.rows = count;
  return product;
}

// Calls run(product of the rows of a pass), pass by pass.
template <class T, class Run>
void for_passes(const PanelProduct<T>& product, const Run& run) {
  for (size_t row = 0; row < product.rows;) {
    const size_t count = rows_of_pass(product.rows - row);
    run(rows_of(product, row, count));
    row += count;
  }
}

}  // namespace evalharness::detail
