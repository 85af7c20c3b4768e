// As multi_choice_regex, of choices that are listed in the question: "Options:\n(A) red\n(B) blue".
//
//     {function: listed_choice_regex, column: input, choice_pattern: '\([A-Z]\)([^\n^(]*)', regex_pattern: '(\([A-Z]\))',
//      ignore_case: true, ignore_punctuation: true}
//
// lm-evaluation-harness has it, for that column and pattern, as utils.MultiChoiceRegexFilter of its bbh tasks.

#include "tasks/extraction.h"
#include "tasks/filter_registry.h"

namespace evalharness {
namespace {

FilterChain::Step listed_choice_regex(const ConfigNode& node) {
  const ConfigNode pattern = node.at("choice_pattern");
  return [extraction = Extraction::read(node), ignored = Ignored::read(node), column = node.at("column").as_string(),
          listed = Regex(pattern.as_string(), pattern.place())](const FilterChain::Texts& texts, const Document& doc) {
    std::vector<std::string> choices;
    for (const std::vector<std::string>& groups : listed.find_all(doc.string(column))) choices.push_back(groups.front());
    FilterChain::Texts letters;
    for (const Extracted& one : texts)
      letters.push_back(extracted_or(chosen_letter(extraction, ignored, choices, one.text), extraction.fallback));
    return letters;
  };
}

const RegisterFilter listed_choice_regex_filter("listed_choice_regex", listed_choice_regex);

}  // namespace
}  // namespace evalharness
