// The frame that multiplies any format stored in panels. A format says how dense values of a part
// of a panel come about; the frame does the rest: few tokens stream the weight once, many tokens
// decode a panel into cache and hand it to the GEMM of dense weights ("load as sparse, compute as
// dense").
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "harness/backend/bound_linear.h"
#include "harness/ops/panel_layout.h"

namespace evalharness {

// Reads the stored bytes of one weight on one instruction set. T is float or uint16_t (bfloat16),
// as layout().dtype says. Thread-safe.
template <class T>
class PanelReader {
 public:
  virtual ~PanelReader() = default;
  virtual const LinearOp& op() const = 0;
  virtual const PanelLayout& layout() const = 0;
  // What turns stored bytes into values, for kernel(): "expand avx512vbmi2"; "" where nothing needs
  // to.
  virtual std::string decoder() const = 0;
  // Inputs that few-token kernels decode at a time, so that values stay in the first-level cache: a
  // multiple of 32. SIZE_MAX where values are read in place.
  virtual size_t block() const = 0;
  // Values of inputs [begin, end) of a panel in panel order, in place or written to `scratch`
  // (64 * (end - begin) values, 64-byte aligned). Both ends are multiples of block() or the depth.
  virtual const T* read(size_t panel, size_t begin, size_t end, T* scratch) const = 0;
  // Few rows: inputs as multiply_few reads them, made once for all panels. How many bytes they take; 0 where it reads them as they are.
  virtual size_t prepared_bytes(Isa /*isa*/, size_t /*rows*/) const { return 0; }
  // Of all inputs of x's rows, which are multiplied in parts of `part`; `to` is 64-byte aligned.
  virtual void prepare(Isa /*isa*/, const PanelProduct<T>& /*all*/, size_t /*part*/, std::byte* /*to*/) const {}
  // product.y = product.x * inputs [begin, begin + product.k) of a panel, a part of them; product.x
  // points at input `begin`, product.panel at nothing, `prepared` at what prepare() made of all rows. Here: block by block through read().
  virtual void multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<T> product, const std::byte* prepared) const;
  // The share of the places of a panel that multiply_few does not multiply.
  virtual double few_skips(Isa /*isa*/, size_t /*tokens*/) const { return 0; }
  // Names what multiply_few runs on for so many rows.
  virtual std::string few_kernel(Isa isa, size_t tokens) const;
};

// Few tokens: how many of a panel's `depth` inputs make a tile, in whole blocks. A weight with few panels is split along
// its inputs, so that each core finds an equal share; a function of the shape only.
size_t few_tokens_depth(size_t panels, size_t depth, size_t block);

// T is float or uint16_t.
template <class T>
std::unique_ptr<BoundLinear> bind_panels(std::unique_ptr<const PanelReader<T>> reader,
                                         const CpuOptions& options);

}  // namespace evalharness
