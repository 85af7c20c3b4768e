// Weights made of other weights: each child runs on its own kernels, few tokens and many.
#include "harness/backend/kernels/token_kernels.h"
#include "harness/backend/bound_linear.h"
#include "harness/backend/scratch.h"
#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/ops/gathered_input.h"
#include "harness/ops/scaled_input.h"

namespace evalharness {
namespace {

using Bound = std::unique_ptr<BoundLinear>;

class BoundChain final : public BoundLinear {
 public:
  BoundChain(const LinearOp& op, Bound v, Bound u)
      : own_bytes_(op.bytes() - op.children()[0]->bytes() - op.children()[1]->bytes()),
        v_(std::move(v)), u_(std::move(u)) {}

  size_t out() const override { return u_->out(); }
  size_t in() const override { return v_->in(); }
  size_t resident_bytes() const override {
    return own_bytes_ + v_->resident_bytes() + u_->resident_bytes();
  }
  double skipped_flops(size_t tokens) const override { return v_->skipped_flops(tokens) + u_->skipped_flops(tokens); }
  std::string kernel(size_t tokens) const override {
    return cat("chain(", v_->kernel(tokens), ", ", u_->kernel(tokens), ")");
  }
  void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const override {
    const Between between(x.rows, v_->out());
    v_->forward(x, between.view());
    u_->forward_slice(between.view(), first, count, y);
  }

 private:
  size_t own_bytes_;
  Bound v_, u_;
};

class BoundSum final : public BoundLinear {
 public:
  BoundSum(Bound a, Bound b, Isa isa)
      : a_(std::move(a)), b_(std::move(b)), add_(token_kernels(isa).add) {}

  size_t out() const override { return a_->out(); }
  size_t in() const override { return a_->in(); }
  size_t resident_bytes() const override { return a_->resident_bytes() + b_->resident_bytes(); }
  double skipped_flops(size_t tokens) const override { return a_->skipped_flops(tokens) + b_->skipped_flops(tokens); }
  std::string kernel(size_t tokens) const override {
    return cat("sum(", a_->kernel(tokens), ", ", b_->kernel(tokens), ")");
  }
  void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const override {
    const Between more(x.rows, count);
    a_->forward_slice(x, first, count, y);
    b_->forward_slice(x, first, count, more.view());
    for_rows(y.rows, count, [&](size_t row) { add_(y.row(row).data(), more.view().row(row).data(), count); });
  }

 private:
  Bound a_, b_;
  void (*add_)(float* x, const float* y, size_t n);
};

// Map has the borrowed op's name and how one row of x becomes one row of the child's input.
template <class Map>
class BoundInputMap final : public BoundLinear {
 public:
  BoundInputMap(const Map& map, Bound child) : map_(map), child_(std::move(child)) {}

  size_t out() const override { return child_->out(); }
  size_t in() const override { return map_.op.in(); }
  size_t resident_bytes() const override {
    return map_.op.bytes() - map_.op.children()[0]->bytes() + child_->resident_bytes();
  }
  double skipped_flops(size_t tokens) const override { return child_->skipped_flops(tokens); }
  std::string kernel(size_t tokens) const override {
    const std::string format = map_.op.format();
    return cat(format.substr(0, format.find('(')), "(", child_->kernel(tokens), ")");
  }
  void forward_slice(MatrixView x, size_t first, size_t count, MutableMatrixView y) const override {
    const Between between(x.rows, child_->in());
    for_rows(x.rows, x.cols, [&](size_t row) { map_(x.row(row).data(), between.view().row(row)); });
    child_->forward_slice(between.view(), first, count, y);
  }

 private:
  Map map_;
  Bound child_;
};

struct Scale {
  const ScaledInput& op;
  void operator()(const float* x, std::span<float> to) const {
    const float* const scales = op.scales().data();
    for (size_t i = 0; i < to.size(); ++i) to[i] = x[i] * scales[i];
  }
};

struct Gather {
  const GatheredInput& op;
  void operator()(const float* x, std::span<float> to) const {
    const uint32_t* const ids = op.ids().data();
    for (size_t i = 0; i < to.size(); ++i) to[i] = x[ids[i]];
  }
};

Bound bind_child(const LinearOp& op, size_t child, const CpuOptions& options) {
  return bind_cpu(*op.children()[child], options);
}

template <class Op, class Map>
Bound bind_input_map(const LinearOp& op, const CpuOptions& options) {
  const auto* const mapped = dynamic_cast<const Op*>(&op);
  EH_ASSERT(mapped != nullptr);
  return std::make_unique<BoundInputMap<Map>>(Map{*mapped}, bind_child(op, 0, options));
}

const RegisterKernels chain("chain(", [](const LinearOp& op, const CpuOptions& options) -> Bound {
  return std::make_unique<BoundChain>(op, bind_child(op, 0, options), bind_child(op, 1, options));
});
const RegisterKernels sum("sum(", [](const LinearOp& op, const CpuOptions& options) -> Bound {
  return std::make_unique<BoundSum>(bind_child(op, 0, options), bind_child(op, 1, options), options.isa);
});
const RegisterKernels scaled("scaled_input(", bind_input_map<ScaledInput, Scale>);
const RegisterKernels permuted("permuted_input(", bind_input_map<GatheredInput, Gather>);
const RegisterKernels selected("selected_input(", bind_input_map<GatheredInput, Gather>);

}  // namespace
}  // namespace evalharness
