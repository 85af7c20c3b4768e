// Dense weights: kernels read the panels in place.
#include <algorithm>

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

  // Part by part, turned.
  size_t prepared_bytes(Isa isa, size_t rows) const override {
    return reads_turned_rows(isa, rows) ? rows * layout().depth() * sizeof(float) : 0;
  }
  void prepare(Isa, const PanelProduct<T>& all, size_t part, std::byte* to) const override {
    for (size_t begin = 0; begin < all.k; begin += part) {
      PanelProduct<T> inputs = all;
      inputs.x += begin;
      inputs.k = std::min(part, all.k - begin);
      turn_rows(inputs, reinterpret_cast<float*>(to) + all.rows * begin);
    }
  }
  void multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<T> product, const std::byte* prepared) const override {
    if (prepared != nullptr) product.turned = reinterpret_cast<const float*>(prepared) + product.rows * begin;
    PanelReader<T>::multiply_few(isa, panel, begin, product, nullptr);
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
