#include "harness/math/gemm.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/math/panel_kernels.h"

namespace evalharness {
namespace {

// A library compiles or tunes a kernel for each number of rows that it meets: keep those few.
constexpr size_t kLibraryRows[] = {128, 64, 32, 16, 8};

template <class T, class Library>
void in_library_sized_pieces(Isa isa, const PanelProduct<T>& product, const Library& run) {
  EH_ASSERT(!product.add);
  size_t done = 0;
  for (const size_t rows : kLibraryRows) {
    for (; product.rows - done >= rows; done += rows) run(detail::rows_of(product, done, rows));
  }
  if (done < product.rows) {
    multiply_few_rows(isa, detail::rows_of(product, done, product.rows - done));
  }
}

}  // namespace

void multiply_few_rows(Isa isa, const PanelProduct<float>& product) {
  EH_ASSERT(product.k % kDepthMultipleF32 == 0);
  switch (isa) {
    case Isa::scalar:
      return detail::few_rows_scalar(product);
    case Isa::avx2:
      return detail::few_rows_avx2(product);
    case Isa::avx512:
    case Isa::avx512bf16:
    case Isa::amx:
      return detail::few_rows_avx512(product);
  }
}

void multiply_few_rows(Isa isa, const PanelProduct<uint16_t>& product) {
  EH_ASSERT(product.k % kDepthMultipleBf16 == 0);
  switch (isa) {
    case Isa::scalar:
      return detail::few_rows_scalar(product);
    case Isa::avx2:
      return detail::few_rows_avx2(product);
    case Isa::avx512:
      return detail::few_rows_avx512(product);
    case Isa::avx512bf16:
    case Isa::amx:
      return detail::few_rows_avx512bf16(product);
  }
}

bool multiplies_bfloat16(GemmLibrary library, Isa isa) {
  return library == GemmLibrary::onednn && isa >= Isa::avx512bf16;
}

void multiply_rows(GemmLibrary library, Isa isa, const PanelProduct<float>& product) {
  in_library_sized_pieces(isa, product, [&](const PanelProduct<float>& piece) {
    return library == GemmLibrary::onednn ? detail::onednn_rows(piece)
                                          : detail::openblas_rows(piece);
  });
}

void multiply_rows(GemmLibrary library, Isa isa, const PanelProduct<uint16_t>& product) {
  EH_ASSERT(multiplies_bfloat16(library, isa));
  if (!detail::onednn_has_bfloat16()) return multiply_few_rows(isa, product);
  in_library_sized_pieces(isa, product,
                          [](const PanelProduct<uint16_t>& piece) { detail::onednn_rows(piece); });
}

std::string multiply_rows_kernel(GemmLibrary library, Isa isa, bool bfloat16) {
  if (library == GemmLibrary::openblas) return "openblas";
  return bfloat16 && !detail::onednn_has_bfloat16() ? isa_name(std::min(isa, Isa::avx512bf16)) : "onednn";
}

void multiply_naive(MatrixView x, MatrixView w, MutableMatrixView y) {
  EH_ASSERT(x.cols == w.cols && y.rows == x.rows && y.cols == w.rows);
  for (size_t i = 0; i < x.rows; ++i) {
    for (size_t j = 0; j < w.rows; ++j) {
      double sum = 0;
      for (size_t k = 0; k < x.cols; ++k) {
        sum += static_cast<double>(x(i, k)) * static_cast<double>(w(j, k));
      }
      y(i, j) = static_cast<float>(sum);
    }
  }
}

}  // namespace evalharness
