#include "harness/math/gemm.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
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
    multiply_in_registers(isa, detail::rows_of(product, done, product.rows - done));
  }
}

bool is_ours(GemmLibrary library, Isa isa, bool bfloat16) {
  if (library == GemmLibrary::fastest) return bfloat16 || isa >= Isa::avx512;
  return bfloat16 && !detail::onednn_has_bfloat16();
}

}  // namespace

void multiply_in_registers(Isa isa, const PanelProduct<float>& product) {
  EH_ASSERT(product.k % kDepthMultipleF32 == 0);
  switch (isa) {
    case Isa::scalar:
      return detail::rows_scalar(product);
    case Isa::avx2:
      return detail::rows_avx2(product);
    case Isa::avx512:
    case Isa::avx512bf16:
    case Isa::amx:
      return detail::rows_avx512(product);
  }
}

void multiply_in_registers(Isa isa, const PanelProduct<uint16_t>& product) {
  EH_ASSERT(product.k % kDepthMultipleBf16 == 0);
  switch (isa) {
    case Isa::scalar:
      return detail::rows_scalar(product);
    case Isa::avx2:
      return detail::rows_avx2(product);
    case Isa::avx512:
      return detail::rows_avx512(product);
    case Isa::amx:
      // Memory waits for tiles of one row more than for registers.
      if (product.streamed && product.rows == 1) return detail::row_as_tiles_avx512(product);
      if (product.streamed || product.rows > kFewTokens) return detail::rows_amx(product);
      [[fallthrough]];
    case Isa::avx512bf16:
      return detail::rows_avx512bf16(product);
  }
}

std::string multiply_in_registers_kernel(Isa isa, bool bfloat16, bool streamed, size_t rows) {
  if (!bfloat16) return isa_name(std::min(isa, Isa::avx512));
  if (isa != Isa::amx) return isa_name(isa);
  if (streamed) return isa_name(rows == 1 ? Isa::avx512 : Isa::amx);
  return isa_name(rows > kFewTokens ? Isa::amx : Isa::avx512bf16);
}

bool reads_turned_rows(Isa isa, size_t rows) { return isa == Isa::avx2 && rows >= detail::kTurnedRows; }
void turn_rows(const PanelProduct<float>& product, float* to) { detail::turn_rows_avx2(product, to); }
void turn_rows(const PanelProduct<uint16_t>& product, float* to) { detail::turn_rows_avx2(product, to); }

size_t few_tokens(GemmLibrary library, Isa isa, bool dense_bf16) {
  if (isa == Isa::scalar) return SIZE_MAX;  // the reference of the whole: no library takes part
  constexpr size_t kMostStreamed = 64;
  if (isa == Isa::amx) return kFewTokens;  // tiles take more
  const bool ours = is_ours(library, isa, true) && is_ours(library, isa, false);
  return ours || (dense_bf16 && isa == Isa::avx2 && library == GemmLibrary::fastest) ? kMostStreamed : kFewTokens;
}

GemmLibrary gemm_library(const std::string& name) {
  for (size_t i = 0; i < kGemmNames.size(); ++i) {
    if (kGemmNames[i] == name) return static_cast<GemmLibrary>(i);
  }
  fail(cat("gemm: expected one of ", join(kGemmNames, ", "), ", got '", name, "'"));
}

bool multiplies_bfloat16(GemmLibrary library, Isa isa) {
  return library != GemmLibrary::openblas && isa >= Isa::avx512bf16;
}

bool takes_rows_apart(GemmLibrary library, Isa isa, bool bfloat16) { return is_ours(library, isa, bfloat16); }

void multiply_rows(GemmLibrary library, Isa isa, const PanelProduct<float>& product) {
  if (is_ours(library, isa, false)) return multiply_in_registers(isa, product);
  in_library_sized_pieces(isa, product, [&](const PanelProduct<float>& piece) {
    return library == GemmLibrary::openblas ? detail::openblas_rows(piece)
                                            : detail::onednn_rows(piece);
  });
}

void multiply_rows(GemmLibrary library, Isa isa, const PanelProduct<uint16_t>& product) {
  EH_ASSERT(multiplies_bfloat16(library, isa));
  if (is_ours(library, isa, true)) return multiply_in_registers(isa, product);
  EH_ASSERT(product.x_stride == product.k);
  in_library_sized_pieces(isa, product,
                          [](const PanelProduct<uint16_t>& piece) { detail::onednn_rows(piece); });
}

std::string multiply_rows_kernel(GemmLibrary library, Isa isa, bool bfloat16) {
  if (library == GemmLibrary::openblas) return "openblas";
  if (!is_ours(library, isa, bfloat16)) return "onednn";
  return isa_name(bfloat16 ? isa : std::min(isa, Isa::avx512));
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
