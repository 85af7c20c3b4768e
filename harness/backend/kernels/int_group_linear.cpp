// Integer weights with scales. A few tokens multiply codes from registers, or where there is
// no kernel for that from blocks decoded into cache; many tokens decode a panel and multiply
// as dense. A decoded value of a bfloat16 layout is (code - zero) * scale rounded to bfloat16, as
// dense weights are; the register kernel does not round it.
#include "harness/backend/kernels/int_group_decode.h"
#include "harness/backend/kernels/int_group_multiply.h"
#include "harness/backend/panel_linear.h"
#include "harness/base/error.h"
#include "harness/ops/int_group.h"

namespace evalharness {
namespace {

template <class T>
class IntGroupReader final : public PanelReader<T> {
 public:
  IntGroupReader(const IntGroupLinear& weight, const IntGroupDecoder<T>& decoder)
      : weight_(weight), decoder_(decoder) {}

  const LinearOp& op() const override { return weight_; }
  const PanelLayout& layout() const override { return weight_.layout(); }
  std::string decoder() const override { return decoder_.name; }
  size_t block() const override { return 2 * IntGroupLinear::kUnit; }
  const T* read(size_t panel, size_t begin, size_t end, T* scratch) const override {
    decoder_.decode(weight_, panel, begin, end, scratch);
    return scratch;
  }

  size_t prepared_bytes(Isa isa, size_t rows) const override { return in_place(isa) ? FixedRows::bytes(rows, layout().depth()) : 0; }
  void prepare(Isa isa, const PanelProduct<T>& all, size_t part, std::byte* to) const override {
    if constexpr (std::is_same_v<T, uint16_t>) FixedRows::fix(isa, all, int_group_stretches(weight_, part), to);
  }
  void multiply_few(Isa isa, size_t panel, size_t begin, PanelProduct<T> product, const std::byte* prepared) const override {
    if constexpr (std::is_same_v<T, uint16_t>) {
      if (prepared != nullptr) return multiply_int_group(isa, weight_, panel, begin, FixedRows(prepared, product.rows, layout().depth()), product);
    }
    PanelReader<T>::multiply_few(isa, panel, begin, product, prepared);
  }

  std::string few_kernel(Isa isa, size_t tokens) const override {
    return in_place(isa) ? int_group_kernel(isa) : PanelReader<T>::few_kernel(isa, tokens);
  }

 private:
  static bool in_place(Isa isa) { return std::is_same_v<T, uint16_t> && !int_group_kernel(isa).empty(); }

  const IntGroupLinear& weight_;
  IntGroupDecoder<T> decoder_;
};

const RegisterKernels registration("int", [](const LinearOp& op, const CpuOptions& options) {
  const auto* const weight = dynamic_cast<const IntGroupLinear*>(&op);
  EH_ASSERT(weight != nullptr);
  if (weight->layout().dtype == Dtype::f32)
    return bind_panels<float>(
        std::make_unique<IntGroupReader<float>>(*weight, int_group_decoder_f32(options.isa)),
        options);
  return bind_panels<uint16_t>(
      std::make_unique<IntGroupReader<uint16_t>>(*weight, int_group_decoder_bf16(options.isa)),
      options);
});

}  // namespace
}  // namespace evalharness
