// sparse.bitmask and sparse.N:M: the stored values are expanded under their mask.
#include "harness/backend/kernels/expand.h"
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
    const MaskedValues& stored = weight_.stored();
    const uint64_t* const mask = stored.mask.data() + panel * layout().depth() + begin;
    const T* const values = reinterpret_cast<const T*>(stored.values.data());
    expander_.expand({mask, end - begin}, values + weight_.start(panel, begin), scratch);
    return scratch;
  }

 private:
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
