// OpenBLAS behind multiply_rows.
#include <cblas.h>

#include "harness/math/panel_kernels.h"

namespace evalharness::detail {

void keep_openblas_on_one_thread() {
  static const bool one_thread = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  (void)one_thread;
}

void openblas_rows(const PanelProduct<float>& product) {
  keep_openblas_on_one_thread();
  const auto size = [](size_t n) { return static_cast<blasint>(n); };
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size(product.rows), size(kPanelWidth),
              size(product.k), 1.0f, product.x, size(product.x_stride), product.panel,
              size(kPanelWidth), 0.0f, product.y, size(product.y_stride));
}

}  // namespace evalharness::detail
