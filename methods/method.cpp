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
      each_leaf(*slot.op, [&](const LinearOp& leaf) {
        effects.prunes |= leaf.pruned();
        effects.rounds |= leaf.format().find("int") != std::string::npos;
      });
    }
  return effects;
}

std::string order_error(std::span<const PipelineStep> before, const PipelineStep& step) {
  for (const auto& [name, earlier] : before) {
    if (step.effects.scales && (earlier.splits || earlier.rounds || earlier.wraps))
      return cat("it scales whole weights: expected before ", name);
    if (step.effects.splits && (earlier.prunes || earlier.rounds))
      return cat("it would make dense factors of what ", name, " left: expected before it");
    if (step.effects.prunes && !step.effects.refines && earlier.prunes) return cat("the weights have been pruned by ", name, " already");
    if (step.effects.prunes && earlier.rounds) return cat("it would lose the codes of ", name, ": expected before it");
    if (step.effects.rounds && earlier.rounds) return cat("the weights have been rounded by ", name, " already");
    if (step.effects.refines && earlier.splits) return cat("it refines whole layers, which ", name, " split");
    if (step.effects.refines && earlier.wraps) return cat("it refines whole layers, and ", name, " put something before their inputs");
  }
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
