#include "harness/backend/bound_linear.h"

#include <map>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::map<std::string, Binder>& binders() {
  static std::map<std::string, Binder> by_prefix;
  return by_prefix;
}

}  // namespace

RegisterKernels::RegisterKernels(const std::string& prefix, Binder bind) {
  EH_ASSERT(binders().emplace(prefix, bind).second);
}

Cost cost_on(const BoundLinear& bound, const LinearOp& op, size_t tokens) {
  Cost cost = op.cost(tokens);
  cost.executed_flops -= bound.skipped_flops(tokens);
  return cost;
}

std::unique_ptr<BoundLinear> bind_cpu(const LinearOp& op, const CpuOptions& options) {
  if (!has_isa(options.isa)) fail(cat("this machine has no ", isa_name(options.isa)));
  const std::string format = op.format();
  size_t longest = 0;
  Binder bind = nullptr;
  for (const auto& [prefix, binder] : binders()) {
    if (!format.starts_with(prefix) || prefix.size() < longest) continue;
    longest = prefix.size();
    bind = binder;
  }
  if (bind == nullptr) fail(cat("no CPU kernel for weight format '", format, "'"));
  return bind(op, options);
}

}  // namespace evalharness
