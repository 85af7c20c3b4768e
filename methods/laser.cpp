// LASER: a few matrices, mostly in late MLPs, cut down to low rank, which can make a model better at some tasks.
//
// P. Sharma, J. T. Ash and D. Misra, "The Truth is in There: Improving Reasoning in Language Models with Layer-Selective
// Rank Reduction", ICLR 2024 (arXiv:2312.13558), section 3.
//
// Of each chosen matrix W [out, in] = U diag(s) V^T the first r = floor(fraction * min(out, in)) singular values stay; all
// other layers stay as they are. It is an intervention, not a compression: the size of the model hardly changes, and the
// report says by how much. The authors' code has a randomised SVD and keeps the result dense; here it is exact, and two
// factors where they are smaller. Their other interventions, zeroing a matrix and dropping rows, are left out. Which matrix
// and fraction is best the authors choose on a fifth of a task's documents: run one config for each and compare on the rest.
//
//     compress:
//       - method: laser
//         blocks: [28]             # from 0
//         layers: down_proj        # a kind of layer; or attention, mlp or all of the block
//         fraction: 0.1            # of the smaller side: a rank, not a share of parameters

#include <algorithm>

#include "harness/base/text.h"
#include "methods/low_rank.h"
#include "methods/method.h"

namespace evalharness {
namespace {

// The layers that a name stands for.
std::vector<Linear> read_layers(const ConfigNode& options) {
  std::vector<std::string> names{"attention", "mlp", "all"};
  for (const Linear linear : kLinears) names.push_back(linear_name(linear));
  const std::string name = options.get_one_of("layers", names, "down_proj");
  std::vector<Linear> layers;
  for (const Linear linear : kLinears) {
    const bool in_mlp = linear >= Linear::gate;
    if (name == "all" || name == (in_mlp ? "mlp" : "attention") || name == linear_name(linear))
      layers.push_back(linear);
  }
  return layers;
}

class Laser final : public Method {
 public:
  explicit Laser(const ConfigNode& options) : layers_(read_layers(options)), fraction_(options.get("fraction", 0.1)) {
    for (const ConfigNode& block : options.at("blocks").items()) blocks_.push_back({block.as_count(), block});
    if (blocks_.empty()) options.fail_at("blocks", "expected at least one block");
    if (!(fraction_ > 0 && fraction_ <= 1)) options.fail_at("fraction", cat("expected 0 < fraction <= 1, got ", fraction_));
  }

  Effects effects() const override { return {.splits = true}; }
  void check(const ModelShape& shape) const override {
    for (const Chosen& block : blocks_)
      if (block.index >= shape.blocks) block.place.fail(cat("expected a block 0 .. ", shape.blocks - 1, ", got ", block.index));
  }
  ModelShape after(ModelShape shape) const override {
    for (size_t i = 0; i < shape.layers.size(); ++i)
      if (chosen(i / kLinears.size(), kLinears[i % kLinears.size()]))
        shape.layers[i].split([&](WeightShape w) { return low_rank_shape(w, rank_of(w.out, w.in)); });
    return shape;
  }
  bool needs_calibration() const override { return false; }

  Report compress(Model& model, const Calibration& calibration) const override {
    return calibration.sweep(model, {}, [&](const Layer& layer, const Inputs&) {
      if (!chosen(layer.block, layer.linear)) return LinearPtr();
      const Matrix w = layer.weight();  // [out, in]
      return pack_low_rank(svd(DoubleMatrix(w.view())), rank_of(w.rows(), w.cols()), {}, layer.dtype);
    });
  }

 private:
  struct Chosen {
    size_t index;
    ConfigNode place;
  };

  bool chosen(size_t block, Linear linear) const {
    return std::ranges::find(blocks_, block, &Chosen::index) != blocks_.end() &&
           std::ranges::find(layers_, linear) != layers_.end();
  }
  size_t rank_of(size_t out, size_t in) const {
    return std::max<size_t>(1, static_cast<size_t>(fraction_ * static_cast<double>(std::min(out, in))));
  }

  std::vector<Chosen> blocks_;
  std::vector<Linear> layers_;
  double fraction_;
};

const Register<Laser> laser_registration("laser", "cut chosen matrices down to low rank");

}  // namespace
}  // namespace evalharness
