// The plain kernels: the reference of the vector ones.
#include "harness/math/bfloat16.h"
#include "harness/math/panel_kernels.h"

namespace evalharness::detail {
namespace {

// weight(k, j) and input(row, k) as float.
template <class T, class Weight, class Input>
void each_row(const PanelProduct<T>& product, const Weight& weight, const Input& input) {
  for (size_t row = 0; row < product.rows; ++row) {
    float* const y = product.y + row * product.y_stride;
    if (!product.add) {
      for (size_t j = 0; j < kPanelWidth; ++j) y[j] = 0;
    }
    for (size_t k = 0; k < product.k; ++k) {
      const float value = input(row, k);
      for (size_t j = 0; j < kPanelWidth; ++j) y[j] += value * weight(k, j);
    }
  }
}

}  // namespace

void rows_scalar(const PanelProduct<float>& product) {
  each_row(
      product, [&](size_t k, size_t j) { return product.panel[k * kPanelWidth + j]; },
      [&](size_t row, size_t k) { return product.x[row * product.x_stride + k]; });
}

void rows_scalar(const PanelProduct<uint16_t>& product) {
  each_row(
      product,
      [&](size_t k, size_t j) {
        return from_bfloat16(product.panel[(k / 2 * kPanelWidth + j) * 2 + k % 2]);
      },
      [&](size_t row, size_t k) { return from_bfloat16(product.x[row * product.x_stride + k]); });
}

}  // namespace evalharness::detail
