#include "methods/method.h"

#include <map>

#include "harness/base/text.h"
#include "harness/ops/tree.h"

namespace evalharness {
namespace {

struct Entry {
  const char* summary;
  detail::MethodFactory factory;
};

std::map<std::string, Entry>& registry() {
  static std::map<std::string, Entry> entries;
  return entries;
}

}  // namespace

namespace detail {
void register_method(const char* name, const char* summary, MethodFactory factory) {
  registry()[name] = {summary, factory};
}
}  // namespace detail

MethodPtr make_method(const ConfigNode& node) {
  const ConfigNode name = node.at("method");
  const auto entry = registry().find(name.as_string());
  if (entry == registry().end()) {
    std::vector<std::string> names;
    for (const MethodInfo& info : list_methods()) names.push_back(info.name);
    name.fail(cat("unknown method '", name.as_string(), "'", did_you_mean(name.as_string(), names),
                  "; there are: ", join(names, ", ")));
  }
  MethodPtr method = entry->second.factory(node);
  node.reject_unread();
  return method;
}

Effects effects_on(const Model& model) {
  Effects effects;
  for (const Block& block : model.blocks)
    for (const Slot& slot : block.slots) {
      effects.splits |= !slot.op->children().empty();
      effects.rounds_inputs |= slot.op->format().find("quantised_input") != std::string::npos;
      each_leaf(*slot.op, [&](const LinearOp& leaf) {
        effects.prunes |= leaf.pruned();
        effects.rounds |= leaf.format().find("int") != std::string::npos;
      });
    }
  return effects;
}

namespace {

// Why a step cannot come behind an earlier one; "" where it can.
std::string conflict(const PipelineStep& before, const PipelineStep& step) {
  const auto& [name, earlier] = before;
  const Effects& now = step.effects;
  if (now.whole && (earlier.splits || earlier.rounds || earlier.wraps)) return cat("it treats whole weights, and ", name, " leaves others");
  if (now.splits && (earlier.prunes || earlier.rounds)) return cat("it would make dense parts of what ", name, " left");
  if (now.prunes && !now.refines && earlier.prunes) return cat("the weights have been pruned by ", name, " already");
  if (now.prunes && earlier.rounds) return cat("it would lose the codes of ", name);
  if (now.rounds && earlier.rounds) return cat("the weights have been rounded by ", name, " already");
  if (now.rounds_inputs && earlier.rounds_inputs) return cat("the inputs have been rounded by ", name, " already");
  if (now.refines && earlier.splits) return cat("it refines whole layers, which ", name, " split");
  if (now.refines && earlier.wraps) return cat("it refines whole layers, and ", name, " put something before their inputs");
  return "";
}

}  // namespace

std::string order_error(std::span<const PipelineStep> before, const PipelineStep& step) {
  for (const PipelineStep& earlier : before)
    if (const std::string reason = conflict(earlier, step); !reason.empty())
      return cat(reason, conflict(step, earlier).empty() ? ": expected before it" : "");
  if (step.effects.refines && (before.empty() || !before.back().effects.prunes))
    return "it refines what a method prunes: expected right behind one";
  return "";
}

std::vector<MethodInfo> list_methods() {
  std::vector<MethodInfo> infos;
  for (const auto& [name, entry] : registry()) infos.push_back({name, entry.summary});
  return infos;
}

}  // namespace evalharness
