// The frame that multiplies any format stored in panels. A format says how dense values of a part
// of a panel come about; the frame does the rest: few tokens stream the weight once, many tokens
// decode a panel into cache and hand it to the GEMM of dense weights ("load as sparse, compute as
// dense").
#pragma once

#include <memory>
#include <string>

#include "harness/backend/bound_linear.h"
#include "harness/ops/panel_layout.h"

namespace evalharness {

// Reads the stored bytes of one weight on one instruction set. Thread-safe.
class PanelReader {
 public:
  virtual ~PanelReader() = default;
  virtual const LinearOp& op() const = 0;
  virtual const PanelLayout& layout() const = 0;
  // What turns stored bytes into values, for kernel(): "avx512vbmi2"; "" where nothing needs to.
  virtual std::string decoder() const = 0;
  // Inputs that few-token kernels decode at a time, so that values stay in the first-level cache.
  // A multiple of layout().depth()'s unit; SIZE_MAX where values are read in place.
  virtual size_t block() const = 0;
  // Values of inputs [begin, end) of a panel in panel order, in place or written to `scratch`
  // (64 * (end - begin) values, 64-byte aligned). Both ends are multiples of block() or the depth.
  virtual const std::byte* read(size_t panel, size_t begin, size_t end,
                                std::byte* scratch) const = 0;
};

std::unique_ptr<BoundLinear> bind_panels(std::unique_ptr<const PanelReader> reader,
                                         const CpuOptions& options);

// How bind_cpu finds a format's kernels, by the prefix of its name; the longest one wins.
using PanelReaderMaker = std::unique_ptr<const PanelReader> (*)(const LinearOp& op, Isa isa);
struct RegisterKernels {
  RegisterKernels(const std::string& prefix, PanelReaderMaker make);
};

}  // namespace evalharness
