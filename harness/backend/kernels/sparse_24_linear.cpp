// sparse.2:4.bf16. A few tokens select the inputs that each stored pair of weights wants, and so do
// half the products; many tokens put the zeros back and multiply as dense.
#include <algorithm>

#include "harness/backend/kernels/sparse_24_kernels.h"
#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/math/panel_kernels.h"
#include "harness/ops/sparse_24.h"

namespace evalharness {
namespace {

class Sparse24Reader final : public PanelReader<uint16_t> {
 public:
  Sparse24Reader(const Sparse24Linear& weight, Isa isa) : weight_(weight), unpacker_(unpacker_24(isa)) {}

  const LinearOp& op() const override { return weight_; }
  const PanelLayout& layout() const override { return weight_.layout(); }
  std::string decoder() const override { return unpacker_.name; }
  size_t block() const override { return 2 * kInputsOfWord24; }

  const uint16_t* read(size_t panel, size_t begin, size_t end, uint16_t* scratch) const override {
    unpacker_.unpack(weight_.values(panel, begin), weight_.indices(panel, begin),
                     (end - begin) / kInputsOfWord24, scratch);
    return scratch;
  }

  void multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<uint16_t> product, const std::byte* prepared) const override {
    if (!selects(isa, product.rows)) return PanelReader::multiply_few(isa, panel, begin, product, prepared);
    const std::span<const Select24> kernels = select_24_kernels(isa);
    EH_ASSERT(!product.add);
    for (size_t row = 0; row < product.rows;) {
      const size_t count = std::min(product.rows - row, kernels.size());
      kernels[count - 1](detail::rows_of(product, row, count), weight_.values(panel, begin),
                         weight_.indices(panel, begin));
      row += count;
    }
  }

  double few_skips(Isa isa, size_t tokens) const override { return selects(isa, tokens) ? 0.5 : 0; }

  std::string few_kernel(Isa isa, size_t tokens) const override {
    if (!selects(isa, tokens)) return PanelReader::few_kernel(isa, tokens);
    return isa >= Isa::avx512bf16 ? "avx512bf16 select" : "avx2 select";
  }

 private:
  // With sixteen registers unpacking once is less work than selecting again for each two rows.
  static bool selects(Isa isa, size_t rows) {
    const size_t most = select_24_kernels(isa).size();
    return isa >= Isa::avx512bf16 ? most > 0 : rows <= most;
  }

  const Sparse24Linear& weight_;
  Unpacker24 unpacker_;
};

const RegisterKernels registration("sparse.2:4.bf16", [](const LinearOp& op,
                                                         const CpuOptions& options) {
  const auto* const weight = dynamic_cast<const Sparse24Linear*>(&op);
  EH_ASSERT(weight != nullptr);
  return bind_panels<uint16_t>(std::make_unique<Sparse24Reader>(*weight, options.isa), options);
});

}  // namespace
}  // namespace evalharness
