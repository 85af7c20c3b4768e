// What the weights made of other weights share: their names "chain(dense.bf16, int4.g64.bf16)", how
// children are saved under a prefix, and sums over them.
#pragma once

#include <string>
#include <vector>

#include "harness/ops/format_registry.h"
#include "harness/ops/linear_op.h"
#include "harness/ops/panel_layout.h"
#include "harness/ops/tensor_io.h"

namespace evalharness {

// "sum(a, b)" of the formats of `children`.
std::string combinator_format(const std::string& name, const std::vector<const LinearOp*>& children);
// The formats between the outer brackets: {"dense.bf16", "chain(a, b)"} of "sum(dense.bf16, chain(a,
// b))". Fails with a line unless there are `count` of them.
std::vector<std::string> child_formats(const std::string& format, size_t count);

// The parts of a child under `prefix` ("v."), and back.
void save_child(const LinearOp& child, const std::string& prefix, TensorWriter& to);
struct ChildShape {
  std::string format;
  size_t out, in;
};
LinearPtr load_child(const ChildShape& child, const std::string& prefix, const MemoryTensors& parts);

// Operations and bytes of the children, against one dense layer of the op's own size.
Cost combined_cost(const LinearOp& op, size_t tokens);

}  // namespace evalharness
