// sparse.bitmask.int*: a few tokens multiply codes (masked_int_multiply.h); many tokens, and those of a float32 model, decode
// a panel and multiply as dense.
#include "harness/backend/kernels/masked_int_multiply.h"
#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

template <class T>
class MaskedIntReader final : public PanelReader<T> {
 public:
  MaskedIntReader(const SparseBitmaskIntLinear& weight, Isa isa) : kernel_{&weight, masked_codes(isa, weight.grids().format().bits), isa} {}

  const LinearOp& op() const override { return *kernel_.weight; }
  const PanelLayout& layout() const override { return kernel_.weight->layout(); }
  std::string decoder() const override { return cat("unpack ", kernel_.codes.name); }
  size_t block() const override { return SparseBitmaskIntLinear::kBlock; }
  const T* read(size_t panel, size_t begin, size_t end, T* scratch) const override {
    decode_masked_int(kernel_, panel, begin, end, scratch);
    return scratch;
  }

  size_t prepared_bytes(Isa, size_t rows) const override { return multiplies_codes(rows) ? FixedRows::bytes(rows, layout().depth()) : 0; }
  void prepare(Isa isa, const PanelProduct<T>& all, size_t part, std::byte* to) const override {
    if constexpr (std::is_same_v<T, uint16_t>) FixedRows::fix(isa, all, masked_int_stretches(kernel_, part), to);
  }
  void multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<T> product, const std::byte* prepared) const override {
    if constexpr (std::is_same_v<T, uint16_t>) {
      if (prepared != nullptr) return multiply_masked_int(kernel_, panel, begin, FixedRows(prepared, product.rows, layout().depth()), product);
    }
    PanelReader<T>::multiply_few(isa, panel, begin, product, prepared);
  }

  std::string few_kernel(Isa isa, size_t tokens) const override {
    if (multiplies_codes(tokens)) return cat(kernel_.codes.name, " expand");
    return PanelReader<T>::few_kernel(isa, tokens);
  }

 private:
  static bool multiplies_codes(size_t tokens) { return std::is_same_v<T, uint16_t> && tokens <= kFewTokens; }

  MaskedInt kernel_;
};

const RegisterKernels registration("sparse.bitmask.int", [](const LinearOp& op, const CpuOptions& options) {
  const auto* const weight = dynamic_cast<const SparseBitmaskIntLinear*>(&op);
  EH_ASSERT(weight != nullptr);
  if (weight->layout().dtype == Dtype::f32)
    return bind_panels<float>(std::make_unique<MaskedIntReader<float>>(*weight, options.isa), options);
  return bind_panels<uint16_t>(std::make_unique<MaskedIntReader<uint16_t>>(*weight, options.isa), options);
});

}  // namespace
}  // namespace evalharness
