// Dense weights: kernels read the panels in place.
#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/ops/dense.h"

namespace evalharness {
namespace {

template <class T>
class DenseReader final : public PanelReader<T> {
 public:
  explicit DenseReader(const DenseLinear& weight) : weight_(weight) {}

  const LinearOp& op() const override { return weight_; }
  const PanelLayout& layout() const override { return weight_.layout(); }
  std::string decoder() const override { return ""; }
  size_t block() const override { return SIZE_MAX; }
  const T* read(size_t panel, size_t begin, size_t, T*) const override {
    return reinterpret_cast<const T*>(weight_.panels()) + panel * layout().panel_values() +
           begin * kPanelWidth;
  }

 private:
  const DenseLinear& weight_;
};

template <class T>
std::unique_ptr<BoundLinear> bind(const DenseLinear& weight, const CpuOptions& options) {
  return bind_panels<T>(std::make_unique<DenseReader<T>>(weight), options);
}

const RegisterKernels registration("dense.", [](const LinearOp& op, const CpuOptions& options) {
  const auto* const weight = dynamic_cast<const DenseLinear*>(&op);
  EH_ASSERT(weight != nullptr);
  return weight->layout().dtype == Dtype::f32 ? bind<float>(*weight, options)
                                              : bind<uint16_t>(*weight, options);
});

}  // namespace
}  // namespace evalharness
