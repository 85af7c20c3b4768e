// What matches the first of several patterns becomes that pattern's value: BIG-Bench Hard's ways to say yes and no.
//
//     {function: regex_map, ignore_case: true, group_select: -1,
//      regex_pattern_to_value: {'\b(no|not plausible)\b': "no", '\b(yes|plausible)\b': "yes"}}
//
// lm-evaluation-harness has it as utils.MapRegexFilter of its bbh tasks.

#include "harness/base/text.h"
#include "tasks/extraction.h"
#include "tasks/filter_registry.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

struct RegexMap {
  struct Meaning {
    Regex pattern;
    std::string value;
  };
  Extraction any;  // of all patterns: the one that is found first in the text counts
  Ignored ignored;
  std::vector<Meaning> meanings;

  std::optional<std::string> operator()(const std::string& text) const {
    const std::string found = any(ignored(text)).value_or("");
    if (found.empty()) return std::nullopt;
    for (const Meaning& meaning : meanings)
      if (!any.find(meaning.pattern, ignored(found)).value_or("").empty()) return meaning.value;
    return std::nullopt;
  }
};

FilterChain::Step regex_map(const ConfigNode& node) {
  const ConfigNode table = node.at("regex_pattern_to_value");
  const std::vector<std::string> patterns = table.keys();
  RegexMap map{.any = {Regex(join(patterns, "|"), table.place()), node.get("group_select", int64_t{0}),
                       node.get("fallback", "[invalid]")},
               .ignored = Ignored::read(node),
               .meanings = {}};
  for (const std::string& pattern : patterns)
    map.meanings.push_back(
        {Regex(pattern, table.at(pattern).where()), python::str(table.at(pattern).to_value(/*yaml_1_1=*/true))});
  return from_each_text(map, map.any.fallback);
}

const RegisterFilter regex_map_filter("regex_map", regex_map);

}  // namespace
}  // namespace evalharness
