#include "harness/ops/sum.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

LinearPtr load_sum(const std::string& format, size_t out, size_t in, const MemoryTensors& parts) {
  const std::vector<std::string> formats = child_formats(format, 2);
  return make_sum(load_child({formats[0], out, in}, "a.", parts),
                  load_child({formats[1], out, in}, "b.", parts));
}

// B stores what A leaves.
LinearPtr nearest_sum(const std::string& format, MatrixView w) {
  const std::vector<std::string> formats = child_formats(format, 2);
  LinearPtr a = nearest_weight(formats[0], w);
  Matrix rest(w);
  const Matrix taken = a->to_dense();
  for (size_t i = 0; i < rest.size(); ++i) rest.values()[i] -= taken.values()[i];
  LinearPtr b = nearest_weight(formats[1], rest.view());
  return make_sum(std::move(a), std::move(b));
}

const RegisterFormat sum_registration(
    {.prefix = "sum(",
     .load = load_sum,
     .examples = {"sum(int4.g64.bf16, sparse.bitmask.bf16)", "sum(dense.f32, int8.row.sym.f32)",
                  "sum(int2.g32.bf16, sum(int3.g32.bf16, chain(dense.bf16, dense.bf16)))"},
     .nearest = nearest_sum});

}  // namespace

LinearPtr make_sum(LinearPtr a, LinearPtr b) {
  if (a->out() != b->out() || a->in() != b->in())
    fail(cat("sum: expected one size, got [", a->out(), ", ", a->in(), "] and [", b->out(), ", ",
             b->in(), "]"));
  return std::make_unique<Sum>(std::move(a), std::move(b));
}

Sum::Sum(LinearPtr a, LinearPtr b) : a_(std::move(a)), b_(std::move(b)) {
  const Matrix w = to_dense();
  nonzeros_ = w.size() - static_cast<size_t>(std::ranges::count(w.values(), 0.0f));
}

void Sum::rows(std::span<const int32_t> ids, MutableMatrixView y) const {
  Matrix more(ids.size(), in());
  a_->rows(ids, y);
  b_->rows(ids, more.view());
  for (size_t row = 0; row < y.rows; ++row) {
    for (size_t i = 0; i < y.cols; ++i) y(row, i) += more(row, i);
  }
}

LinearPtr Sum::with_children(std::vector<LinearPtr> children) const {
  EH_ASSERT(children.size() == 2);
  return make_sum(std::move(children[0]), std::move(children[1]));
}

void Sum::save(TensorWriter& to) const {
  save_child(*a_, "a.", to);
  save_child(*b_, "b.", to);
}

}  // namespace evalharness
