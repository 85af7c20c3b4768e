// Kernels behind multiply_few_rows and multiply_rows, one function an instruction set or a library.
#pragma once

#include "harness/math/gemm.h"

namespace evalharness::detail {

void few_rows_scalar(const PanelProduct<float>& product);
void few_rows_scalar(const PanelProduct<uint16_t>& product);
void few_rows_avx2(const PanelProduct<float>& product);
void few_rows_avx2(const PanelProduct<uint16_t>& product);
void few_rows_avx512(const PanelProduct<float>& product);
void few_rows_avx512(const PanelProduct<uint16_t>& product);  // widens: no BF16 instructions
void few_rows_avx512bf16(const PanelProduct<uint16_t>& product);

void onednn_rows(const PanelProduct<float>& product);
void onednn_rows(const PanelProduct<uint16_t>& product);
// Whether oneDNN has a compiled kernel for bfloat16 panels on this machine, not only its reference code.
bool onednn_has_bfloat16();
// Before any call of OpenBLAS: parallel_for owns the cores.
void keep_openblas_on_one_thread();
void openblas_rows(const PanelProduct<float>& product);

// Rows [first, first + count) of a product.
template <class T>
PanelProduct<T> rows_of(PanelProduct<T> product, size_t first, size_t count) {
  product.x += first * product.x_stride;
  product.y += first * product.y_stride;
  product.rows = count;
  return product;
}

}  // namespace evalharness::detail
