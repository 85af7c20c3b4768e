// Dense weights: kernels read the panels in place.
#include <cstdint>

#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/ops/dense.h"

namespace evalharness {
namespace {

class DenseReader final : public PanelReader {
 public:
  explicit DenseReader(const DenseLinear& weight) : weight_(weight) {}

  const LinearOp& op() const override { return weight_; }
  const PanelLayout& layout() const override { return weight_.layout(); }
  std::string decoder() const override { return ""; }
  size_t block() const override { return SIZE_MAX; }
  const std::byte* read(size_t panel, size_t begin, size_t, std::byte*) const override {
    const size_t place = panel * layout().panel_values() + begin * kPanelWidth;
    return weight_.panels() + place * dtype_bytes(layout().dtype);
  }

 private:
  const DenseLinear& weight_;
};

const RegisterKernels registration("dense.", [](const LinearOp& op, Isa) {
  const auto* const dense = dynamic_cast<const DenseLinear*>(&op);
  EH_ASSERT(dense != nullptr);
  return std::unique_ptr<const PanelReader>(std::make_unique<DenseReader>(*dense));
});

}  // namespace
}  // namespace evalharness
