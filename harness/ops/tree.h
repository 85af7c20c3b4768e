// Walks over the tree that a weight is: its leaves from left to right.
#pragma once

#include <functional>

#include "harness/ops/linear_op.h"

namespace evalharness {

// Calls visit(leaf) for each leaf; for a plain weight with itself.
void each_leaf(const LinearOp& op, const std::function<void(const LinearOp& leaf)>& visit);

// Calls see(input) for each leaf with what the leaf is multiplied by where `op` is multiplied by x [tokens, in].
void each_leaf_input(const LinearOp& op, MatrixView x, const Multiply& multiply,
                     const std::function<void(MatrixView input)>& see);

// An op of its own with the same bytes.
LinearPtr copy_of(const LinearOp& op);

// The same tree over other leaves, each of the size of what it takes the place of. Where `replace` gives null the
// leaf stays (a copy); null where it does so for all of them.
LinearPtr replace_leaves(const LinearOp& op,
                         const std::function<LinearPtr(const LinearOp& leaf)>& replace);

}  // namespace evalharness
