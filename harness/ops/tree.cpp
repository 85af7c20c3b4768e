#include "harness/ops/tree.h"

#include <algorithm>

#include "harness/ops/tensor_io.h"

namespace evalharness {
namespace {

LinearPtr rebuilt(const LinearOp& op, std::vector<LinearPtr>& leaves, size_t& next) {
  const std::vector<const LinearOp*> old = op.children();
  if (old.empty()) {
    LinearPtr leaf = std::move(leaves[next++]);
    return leaf ? std::move(leaf) : copy_of(op);
  }
  std::vector<LinearPtr> children;
  for (const LinearOp* const child : old) children.push_back(rebuilt(*child, leaves, next));
  return op.with_children(std::move(children));
}

}  // namespace

void each_leaf(const LinearOp& op, const std::function<void(const LinearOp&)>& visit) {
  const std::vector<const LinearOp*> children = op.children();
  if (children.empty()) visit(op);
  for (const LinearOp* const child : children) each_leaf(*child, visit);
}

LinearPtr copy_of(const LinearOp& op) {
  MemoryTensors parts;
  op.save(parts);
  return load_linear(op.format(), op.out(), op.in(), parts);
}

void each_leaf_input(const LinearOp& op, MatrixView x, const Multiply& multiply,
                     const std::function<void(MatrixView input)>& see) {
  const std::vector<const LinearOp*> children = op.children();
  if (children.empty()) see(x);
  for (size_t i = 0; i < children.size(); ++i) {
    const Matrix input = op.child_input(i, x, multiply);
    each_leaf_input(*children[i], input.view(), multiply, see);
  }
}

LinearPtr replace_leaves(const LinearOp& op,
                         const std::function<LinearPtr(const LinearOp& leaf)>& replace) {
  std::vector<LinearPtr> leaves;
  each_leaf(op, [&](const LinearOp& leaf) {
    leaves.push_back(replace(leaf));
    EH_ASSERT(!leaves.back() || (leaves.back()->out() == leaf.out() && leaves.back()->in() == leaf.in()));
  });
  if (std::ranges::all_of(leaves, [](const LinearPtr& leaf) { return leaf == nullptr; })) return nullptr;
  size_t next = 0;
  return rebuilt(op, leaves, next);
}

}  // namespace evalharness
