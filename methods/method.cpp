#include "methods/method.h"

#include <map>

#include "harness/base/text.h"

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

std::vector<MethodInfo> list_methods() {
  std::vector<MethodInfo> infos;
  for (const auto& [name, entry] : registry()) infos.push_back({name, entry.summary});
  return infos;
}

}  // namespace evalharness
