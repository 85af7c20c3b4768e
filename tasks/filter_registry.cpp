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
    for (const Extracted& one : texts) changed.push_back({change(one.text), one.found});
    return changed;
  };
}

FilterChain::Step from_each_text(std::function<std::optional<std::string>(const std::string&)> extract,
                                 const std::string& fallback) {
  return [extract = std::move(extract), fallback](const FilterChain::Texts& texts, const Document&) {
    FilterChain::Texts answers;
    for (const Extracted& one : texts) answers.push_back(extracted_or(extract(one.text), fallback));
    return answers;
  };
}

Extracted extracted_or(std::optional<std::string> answer, const std::string& fallback) {
  return answer ? Extracted{std::move(*answer)} : Extracted{fallback, false};
}

}  // namespace evalharness
