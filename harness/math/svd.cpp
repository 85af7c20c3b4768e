#include "harness/math/svd.h"

#include <lapacke.h>

#include <algorithm>

#include "harness/base/error.h"
#include "harness/math/panel_kernels.h"

namespace evalharness {

Svd svd(DoubleMatrix a) {
  detail::keep_openblas_on_one_thread();
  const size_t k = std::min(a.rows(), a.cols());
  Svd result{DoubleMatrix(a.rows(), k), std::vector<double>(k), DoubleMatrix(k, a.cols())};
  // LAPACK counts columns first: it sees A^T = V diag(s) U^T, and its V and U^T are our V^T and U.
  const auto rows = static_cast<lapack_int>(a.cols()), cols = static_cast<lapack_int>(a.rows());
  const lapack_int info =
      LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', rows, cols, a.values().data(), rows, result.s.data(), result.vt.values().data(),
                     rows, result.u.values().data(), static_cast<lapack_int>(k));
  if (info != 0) fail("the singular values of a matrix did not converge: is there a NaN in it?");
  return result;
}

}  // namespace evalharness
