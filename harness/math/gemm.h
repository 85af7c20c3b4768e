// Products with a panel: 64 columns of a matrix B [k, n], stored so that kernels read it in order.
//   float32:   panel[k][64]
//   bfloat16:  panel[k / 2][64][2], neighbours along k side by side (k even)
// A weight [out, in] is B transposed: its panels hold 64 outputs each.
//
// Everything here runs on the calling thread; parallel_for over fixed tiles owns the cores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/math/isa.h"
#include "harness/math/matrix.h"

namespace evalharness {

inline constexpr size_t kPanelWidth = 64;
// Values from row to row so that neighbours go to different places of the first-level cache: an odd number of lines of 64 bytes.
// Best for what kernels take or make in tiles of many rows.
template <class T>
constexpr size_t apart(size_t cols) {
  constexpr size_t kLine = 64 / sizeof(T);
  return ((cols + kLine - 1) / kLine | 1) * kLine;
}
// Up to so many rows memory sets the pace.
inline constexpr size_t kFewTokens = 8;
// k is padded with zeros to a multiple of these, so that no kernel has a tail.
inline constexpr size_t kDepthMultipleF32 = 16, kDepthMultipleBf16 = 32;

// y[rows, 64] = x[rows, k] * panel, or y += where `add` is set. T is float or uint16_t (bfloat16).
template <class T>
struct PanelProduct {
  const T* x = nullptr;
  size_t x_stride = 0;
  size_t rows = 0;
  size_t k = 0;
  const T* panel = nullptr;
  float* y = nullptr;
  size_t y_stride = 0;
  bool add = false;
  bool streamed = false;  // the panel comes from memory, not from a cache: it may be read in several strands
  std::span<const std::byte> next = {};  // of many rows: what is read next, which AMX asks for meanwhile
  const float* turned = nullptr;  // of a streamed one where reads_turned_rows(): x again, from turn_rows()
};

// Our kernels: the panel streams by once for each few rows, and what lies behind it in memory is
// fetched meanwhile. A row's result does not depend on the other rows. bfloat16 products are
// accumulated in float32.
void multiply_in_registers(Isa isa, const PanelProduct<float>& product);
void multiply_in_registers(Isa isa, const PanelProduct<uint16_t>& product);
// The instruction set that they run on: for few rows AMX pays where the panel is streamed.
std::string multiply_in_registers_kernel(Isa isa, bool bfloat16, bool streamed, size_t rows);

// Whether streamed products of so many rows read x as turn_rows() writes it too.
bool reads_turned_rows(Isa isa, size_t rows);
// For them only: float32 in the order in which those products read x, rows * k values, 32-byte aligned; what is left of a multiple of
// four rows is not written. Of `product` only x is read.
void turn_rows(const PanelProduct<float>& product, float* to);
void turn_rows(const PanelProduct<uint16_t>& product, float* to);

// Any number of rows, `add` unset. Multiples of 8 rows run in the library. The fastest: ours with AMX (nothing is copied, and its rows
// may lie apart) and with AVX-512 (96 to 98 % of the multiply peak of Zen 4 at 64 outputs, oneDNN 2.6 85 to 95 %); oneDNN with AVX2.
enum class GemmLibrary { fastest, onednn, openblas };
GemmLibrary gemm_library(const std::string& name);  // "fastest", "onednn", "openblas"
inline const std::vector<std::string> kGemmNames = {"fastest", "onednn", "openblas"};
// Up to so many rows a weight is streamed through our own kernels, in parts that keep every core
// busy: kFewTokens, or more where our kernels win anyway; with AVX2 that is a dense bfloat16 weight, which a library wants widened first.
size_t few_tokens(GemmLibrary library, Isa isa, bool dense_bf16);
void multiply_rows(GemmLibrary library, Isa isa, const PanelProduct<float>& product);
// Only where multiplies_bfloat16() says so; elsewhere widen and use the float32 one. Where not takes_rows_apart()
// rows of x are neighbours (x_stride is k): for others oneDNN 2.6 has its reference code only, with AMX too.
void multiply_rows(GemmLibrary library, Isa isa, const PanelProduct<uint16_t>& product);
bool multiplies_bfloat16(GemmLibrary library, Isa isa);
bool takes_rows_apart(GemmLibrary library, Isa isa, bool bfloat16);
// What multiply_rows runs on: "onednn", "openblas", or our own kernel's instruction set; that too
// where oneDNN has only its reference code for bfloat16 panels on this machine.
std::string multiply_rows_kernel(GemmLibrary library, Isa isa, bool bfloat16);

// The obvious one, for tests: y[m, n] = x[m, k] * w[n, k]^T, summed in double.
void multiply_naive(MatrixView x, MatrixView w, MutableMatrixView y);

}  // namespace evalharness
