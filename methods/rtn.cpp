// RTN: every weight to the nearest level of its group's grid. No data, no update: the baseline of
// every paper on weight quantisation.
//
// Of each layer W [out, in], in groups of `group` neighbours along `in` (or whole rows):
//
//     code = clamp(round(w / scale) + zero, 0, 2^bits - 1),   w' = (code - zero) * scale
//
// Papers differ in how the range of a group becomes scale and zero (harness/ops/uniform_grid.h says how
// exactly, and where the authors' code has traps):
//     asym      GPTQ's, with a zero point: the RTN of GPTQ's and most later tables
//     gptq_sym  GPTQ's with --sym
//     awq       AWQ's, with a zero point
//     absmax    SmoothQuant's and LLM.int8()'s: symmetric, both ends on a level
// Weights are rounded to the scale as it is stored (half precision unless the model is float32), so the
// codes are nearest to what will be multiplied. The report's bits a weight count scales and zeros.
// What an earlier step pruned stays zero and is not stored: `[wanda, rtn]` ends in sparse.bitmask.int4.g128
// (but where activations are rounded too: products of 8-bit integers have no kernel that leaves zeros out, so they are stored).
// All linear layers of the blocks are rounded; embedding, head and norms stay as they are.
//
//     compress:
//       - method: rtn
//         bits: 4              # 2 to 8
//         group: 128           # inputs that share a scale, a multiple of 16; or row
//         scheme: asym         # or gptq_sym, awq, absmax
//         mse: false           # the range of a group cut to where its weights lose least, as GPTQ's code has it
//         activations: keep    # or the layers' inputs too, in the forward pass, symmetric by absmax: int8 token by token, int8_tensor
//                              # by the largest of a call, int8_static by that of the calibration text
//
// Plain W8A8, the baseline of SmoothQuant, is bits: 8, group: row, scheme: absmax, activations: int8.

#include "harness/ops/int_group.h"
#include "harness/ops/quantised_input.h"
#include "harness/ops/uniform_grid.h"
#include "methods/method.h"
#include "methods/rounding.h"

namespace evalharness {
namespace {

Rounding read_rounding(const ConfigNode& options) {
  Rounding rounding{.bits = read_bits(options), .group = read_group(options)};
  const std::string scheme = options.get_one_of("scheme", {"asym", "gptq_sym", "awq", "absmax"}, "asym");
  if (scheme == "awq") rounding.fit = UniformGrid::awq_asymmetric;
  if (scheme == "gptq_sym") rounding.fit = UniformGrid::gptq_symmetric;
  if (scheme == "absmax") rounding.fit = UniformGrid::absmax;
  rounding.symmetric = scheme == "gptq_sym" || scheme == "absmax";
  rounding.mse = options.get("mse", false);
  return rounding;
}

class Rtn final : public Method {
 public:
  explicit Rtn(const ConfigNode& options) : rounding_(read_rounding(options)), activations_(options, "keep") {}

  Effects effects() const override { return {.rounds = true, .rounds_inputs = activations_.rounds(), .wraps = activations_.rounds()}; }
  void check(const ModelShape&) const override {}  // the last group of a row may be short: every layer fits
  bool needs_calibration() const override { return activations_.needs_maxima(); }

  Report compress(Model& model, const Calibration& calibration) const override {
    const Needs needs{.column_maxima = activations_.needs_maxima(), .uncompressed_inputs = activations_.needs_maxima()};
    return calibration.sweep(model, needs, [&](const Layer& layer, const Inputs& x) {
      const Matrix w = layer.weight();  // [out, in]
      const QuantisedMatrix codes = round_to_grid(w.view(), rounding_.stored_as(layer.dtype));
      // Products of integers want every code where it stands.
      if (!activations_.rounds()) return store_codes(codes, layer);
      return activations_.before(make_int_group(codes, layer.dtype), activations_.needs_maxima() ? x.column_maxima() : std::vector<float>());
    });
  }

 private:
  Rounding rounding_;
  ActivationRounding activations_;
};

const Register<Rtn> rtn_registration("rtn", "round weights to the nearest level of their group's grid");

}  // namespace
}  // namespace evalharness
