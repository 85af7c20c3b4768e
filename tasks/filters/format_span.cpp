// Named entities under one set of labels: "Person: Ann, Bo $$ Country: Peru" gives "per: ann $ per: bo $ loc: peru".
//
//     {function: format_span}
//
// lm-evaluation-harness has it for MasakhaNER. Labels stand before a colon; "none" is no entity.

#include <array>

#include "harness/base/letter_case.h"
#include "harness/base/text.h"
#include "tasks/filter_registry.h"
#include "tasks/regex.h"

namespace evalharness {
namespace {

using Label = std::pair<const char*, const char*>;
// In this order: what one writes in upper case the next does not find.
constexpr std::array<Label, 15> kLabels = {{{"person", "PER"}, {"location", "LOC"}, {"organization", "ORG"},
                                            {"counties", "LOC"}, {"places", "LOC"}, {"people", "PER"},
                                            {"persons", "PER"}, {"company", "ORG"}, {"country", "LOC"},
                                            {"continent", "LOC"}, {"time", "DATE"}, {"date", "DATE"},
                                            {"per", "PER"}, {"loc", "LOC"}, {"org", "ORG"}}};

struct Spans {
  std::vector<std::pair<Regex, std::string>> labels;
  Regex entities;

  std::string operator()(const std::string& given) const {
    std::string text = lower(given);
    for (const auto& [label, name] : labels) text = label.substitute(text, name);
    text = replace_all(text, "$$", "$");
    text.resize(text.find_last_not_of('$') + 1);
    std::vector<std::string> found;
    for (const std::vector<std::string>& groups : entities.find_all(strip(replace_all(text, "\n", "$"))))
      for (const std::string& piece : split(groups[1], ","))
        if (const std::string entity = strip(piece); lower(entity) != "none")
          found.push_back(cat(lower(groups[0]), ": ", entity));
    return join(found, " $ ");
  }
};

FilterChain::Step format_span(const ConfigNode& node) {
  Spans spans{{}, Regex(R"(\b(PER|LOC|ORG|DATE):\s*([^$]+))", node.where())};
  for (const auto& [label, name] : kLabels)
    spans.labels.emplace_back(Regex(cat("\\b", label, "\\s*:"), node.where()), cat(name, ":"));
  return for_each_text(std::move(spans));
}

const RegisterFilter format_span_filter("format_span", format_span);

}  // namespace
}  // namespace evalharness
