// sparse.bitmask and sparse.N:M: the stored values are expanded under their mask, for a few
// tokens in registers, for more into cache.
#include "harness/backend/kernels/expand.h"
#include "harness/backend/kernels/expand_multiply.h"
#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/ops/sparse_bitmask.h"
#include "harness/ops/sparse_nm.h"

namespace evalharness {
namespace {

// Op is SparseBitmaskLinear or SparseNmLinear.
template <class Op, class T>
class MaskedReader final : public PanelReader<T> {
 public:
  MaskedReader(const Op& weight, const Expander<T>& expander)
      : weight_(weight), expander_(expander) {}

  const LinearOp& op() const override { return weight_; }
  const PanelLayout& layout() const override { return weight_.stored().layout; }
  std::string decoder() const override { return expander_.name; }
  size_t block() const override { return Op::kBlock; }
  const T* read(size_t panel, size_t begin, size_t end, T* scratch) const override {
    expander_.expand(mask(panel, begin, end - begin), packed(panel, begin), scratch);
    return scratch;
  }

  void multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<T> product, const std::byte* prepared) const override {
    if (product.rows > most_expanded_rows(isa, layout().dtype)) {
      return PanelReader<T>::multiply_few(isa, panel, begin, product, prepared);
    }
    multiply_expanded(isa, mask(panel, begin, product.k), packed(panel, begin), product);
  }

  std::string few_kernel(Isa isa, size_t tokens) const override {
    if (tokens > most_expanded_rows(isa, layout().dtype)) return PanelReader<T>::few_kernel(isa, tokens);
    return expanded_kernel(isa, layout().dtype);
  }

 private:
  std::span<const uint64_t> mask(size_t panel, size_t begin, size_t inputs) const {
    return {weight_.stored().mask.data() + panel * layout().depth() + begin, inputs};
  }
  const T* packed(size_t panel, size_t begin) const {
    return reinterpret_cast<const T*>(weight_.stored().values.data()) + weight_.start(panel, begin);
  }

  const Op& weight_;
  Expander<T> expander_;
};

template <class Op>
std::unique_ptr<BoundLinear> bind(const LinearOp& op, const CpuOptions& options) {
  const auto* const weight = dynamic_cast<const Op*>(&op);
  EH_ASSERT(weight != nullptr);
  if (weight->stored().layout.dtype == Dtype::f32) {
    return bind_panels<float>(
        std::make_unique<MaskedReader<Op, float>>(*weight, expander_f32(options.isa)), options);
  }
  return bind_panels<uint16_t>(
      std::make_unique<MaskedReader<Op, uint16_t>>(*weight, expander_bf16(options.isa)), options);
}

const RegisterKernels bitmask("sparse.bitmask.", bind<SparseBitmaskLinear>);
const RegisterKernels nm("sparse.", bind<SparseNmLinear>);

}  // namespace
}  // namespace evalharness
