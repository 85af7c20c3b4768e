#include "tasks/filter_registry.h"

#include <map>

#include "harness/base/text.h"

namespace evalharness {
namespace {

std::map<std::string, FilterChain::Step (*)(const ConfigNode&)>& filters() {
  static std::map<std::string, FilterChain::Step (*)(const ConfigNode&)> table;
  return table;
}

}  // namespace

RegisterFilter::RegisterFilter(const char* name, FilterChain::Step (*read)(const ConfigNode& options)) {
  filters().emplace(name, read);
}

FilterChain::Step read_filter(const ConfigNode& node) {
  const std::string name = node.at("function").as_string();
  const auto found = filters().find(name);
  if (found != filters().end()) return found->second(node);
  const std::vector<std::string> names = keys_of(filters());
  node.fail_at("function", cat("unknown filter '", name, "'", did_you_mean(name, names),
                               "; there are: ", join(names, " ")));
}

FilterChain::Step for_each_text(std::function<std::string(const std::string&)> change) {
  return [change = std::move(change)](const FilterChain::Texts& texts, const Document&) {
    FilterChain::Texts changed;
    for (const std::string& text : texts) changed.push_back(change(text));
    return changed;
  };
}

FilterChain::Step from_each_text(std::function<std::optional<std::string>(const std::string&)> extract,
                                 const std::string& fallback) {
  return for_each_text([extract = std::move(extract), fallback](const std::string& text) {
    return extract(text).value_or(fallback);
  });
}

}  // namespace evalharness
