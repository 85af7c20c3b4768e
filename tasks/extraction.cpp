#include "tasks/extraction.h"

#include <algorithm>
#include <map>

#include "harness/base/letter_case.h"
#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness {

Extraction Extraction::read(const ConfigNode& node) {
  const std::string pattern = node.get("regex_pattern", R"(#### (\-?[0-9\.\,]+))");
  const std::optional<ConfigNode> given = node.find("regex_pattern");
  const std::string where = given ? given->place() : node.where();
  return {Regex(pattern, where), node.get("group_select", int64_t{0}),
          node.get("fallback", "[invalid]")};
}

std::optional<std::string> Extraction::find(const Regex& regex, const std::string& text) const {
  const std::vector<std::vector<std::string>> matches = regex.find_all(text);
  if (matches.empty()) return std::nullopt;
  const int64_t count = static_cast<int64_t>(matches.size());
  const int64_t index = group_select < 0 ? group_select + count : group_select;
  // lm-evaluation-harness stops the whole run here; a text with few matches is no mistake of the
  // task.
  if (index < 0 || index >= count) return std::nullopt;
  const std::vector<std::string>& groups = matches[static_cast<size_t>(index)];
  if (groups.size() == 1) return strip(groups[0]);
  const auto filled =
      std::find_if(groups.begin(), groups.end(), [](const std::string& g) { return !g.empty(); });
  return filled == groups.end() ? std::nullopt : std::optional(strip(*filled));
}

Ignored Ignored::read(const ConfigNode& node) {
  Ignored ignored{node.get("ignore_case", false), node.get("ignore_punctuation", false), {}};
  if (const std::optional<ConfigNode> patterns = node.find("regexes_to_ignore"))
    for (const ConfigNode& item : patterns->items())
      ignored.patterns.emplace_back(item.as_string(), item.where());
  return ignored;
}

std::string Ignored::operator()(std::string text) const {
  for (const Regex& pattern : patterns) text = pattern.substitute(text, "");
  if (letter_case) text = lower(text);
  return punctuation ? python::without_punctuation(text) : text;
}

namespace {

std::string letter(size_t i) { return std::string(1, static_cast<char>('A' + i)); }

}  // namespace

std::optional<std::string> chosen_letter(const Extraction& extraction, const Ignored& ignored,
                                         const std::vector<std::string>& choices, const std::string& text) {
  // A match that is empty names no choice, as no match does.
  const std::string direct = extraction(text).value_or("");
  if (!direct.empty()) return direct;
  std::map<std::string, std::string> letters;
  std::vector<std::string> texts, alternatives;
  for (size_t i = 0; i < choices.size(); ++i) {
    texts.push_back(ignored(strip(choices[i])));
    letters[texts.back()] = cat("(", letter(i), ")");
    alternatives.push_back(letter(i));
  }
  for (std::string& choice : texts) choice = Regex::escape(choice);
  // The longest first: one choice may begin as another does.
  std::stable_sort(texts.begin(), texts.end(), [](const std::string& a, const std::string& b) {
    return code_points(a) > code_points(b);
  });
  const std::string by_text =
      extraction.find(Regex(join(texts, "|"), "choices"), ignored(text)).value_or("");
  if (!by_text.empty()) return letters.count(by_text) ? letters[by_text] : by_text;
  const std::string by_letter =
      extraction.find(Regex(cat(":[\\s]*(", join(alternatives, "|"), ")"), "choices"), text).value_or("");
  return by_letter.empty() ? std::nullopt : std::optional(cat("(", by_letter, ")"));
}

}  // namespace evalharness
