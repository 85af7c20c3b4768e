#include "tasks/filters.h"

#include <algorithm>
#include <map>

#include "harness/base/error.h"
#include "harness/base/letter_case.h"
#include "harness/base/text.h"
#include "tasks/python.h"
#include "tasks/regex.h"

namespace evalharness {
namespace {

using Texts = FilterChain::Texts;
using Step = FilterChain::Step;

Step for_each_text(std::function<std::string(const std::string&)> change) {
  return [change = std::move(change)](const Texts& texts, const Document&) {
    Texts changed;
    for (const std::string& text : texts) changed.push_back(change(text));
    return changed;
  };
}

// One of the matches, counted from the end if negative, stripped; of several groups the first that
// is not empty. Where none: `fallback`.
struct Extraction {
  Regex pattern;
  int64_t group_select = 0;
  std::string fallback;

  std::string operator()(const std::string& text) const { return find(pattern, text, fallback); }

  std::string find(const Regex& regex, const std::string& text,
                   const std::string& otherwise) const {
    const std::vector<std::vector<std::string>> matches = regex.find_all(text);
    if (matches.empty()) return otherwise;
    const int64_t count = static_cast<int64_t>(matches.size());
    const int64_t index = group_select < 0 ? group_select + count : group_select;
    // lm-evaluation-harness stops the whole run here; a text with few matches is no mistake of the
    // task.
    if (index < 0 || index >= count) return otherwise;
    const std::vector<std::string>& groups = matches[static_cast<size_t>(index)];
    if (groups.size() == 1) return strip(groups[0]);
    const auto filled =
        std::find_if(groups.begin(), groups.end(), [](const std::string& g) { return !g.empty(); });
    return filled == groups.end() ? otherwise : strip(*filled);
  }
};

Extraction read_extraction(const ConfigNode& node) {
  const std::string pattern = node.get("regex_pattern", R"(#### (\-?[0-9\.\,]+))");
  const std::optional<ConfigNode> given = node.find("regex_pattern");
  const std::string where = given ? given->place() : node.where();
  return {Regex(pattern, where), node.get("group_select", int64_t{0}),
          node.get("fallback", "[invalid]")};
}

Step regex(const ConfigNode& node) { return for_each_text(read_extraction(node)); }

// What is left out of choices and answers before the choices' texts are looked for.
struct Ignored {
  bool letter_case = false;
  bool punctuation = false;
  std::vector<Regex> patterns;

  std::string operator()(std::string text) const {
    for (const Regex& pattern : patterns) text = pattern.substitute(text, "");
    if (letter_case) text = lower(text);
    return punctuation ? python::without_punctuation(text) : text;
  }
};

Ignored read_ignored(const ConfigNode& node) {
  Ignored ignored{node.get("ignore_case", false), node.get("ignore_punctuation", false), {}};
  if (const std::optional<ConfigNode> patterns = node.find("regexes_to_ignore"))
    for (const ConfigNode& item : patterns->items())
      ignored.patterns.emplace_back(item.as_string(), item.where());
  return ignored;
}

std::string letter(size_t i) { return std::string(1, static_cast<char>('A' + i)); }

// The letter "(B)" that an answer means: by the pattern, else by a choice's text, else by ": B".
std::string chosen_letter(const Extraction& extraction, const Ignored& ignored,
                          const std::vector<std::string>& choices, const std::string& text) {
  const std::string direct = extraction.find(extraction.pattern, text, "");
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
      extraction.find(Regex(join(texts, "|"), "choices"), ignored(text), "");
  if (!by_text.empty()) return letters.count(by_text) ? letters[by_text] : by_text;
  const std::string by_letter =
      extraction.find(Regex(cat(":[\\s]*(", join(alternatives, "|"), ")"), "choices"), text, "");
  return by_letter.empty() ? extraction.fallback : cat("(", by_letter, ")");
}

Step multi_choice_regex(const ConfigNode& node) {
  return [extraction = read_extraction(node), ignored = read_ignored(node)](const Texts& texts,
                                                                            const Document& doc) {
    std::vector<std::string> choices;
    for (const Value& choice : doc.at("choices").list()) choices.push_back(python::str(choice));
    Texts letters;
    for (const std::string& text : texts)
      letters.push_back(chosen_letter(extraction, ignored, choices, text));
    return letters;
  };
}

Step remove_whitespace(const ConfigNode&) {
  return for_each_text([](const std::string& t) { return strip(t); });
}
Step lowercase(const ConfigNode&) {
  return for_each_text([](const std::string& t) { return lower(t); });
}
Step uppercase(const ConfigNode&) {
  return for_each_text([](const std::string& t) { return upper(t); });
}

Step map(const ConfigNode& node) {
  std::map<std::string, std::string> meanings;
  const ConfigNode table = node.at("mapping_dict");
  for (const std::string& key : table.keys())
    meanings[key] = python::str(table.at(key).to_value(true));
  const ConfigNode otherwise = node.at("default_value");
  return for_each_text(
      [meanings, fallback = python::str(otherwise.to_value(true))](const std::string& text) {
        const auto found = meanings.find(text);
        return found == meanings.end() ? fallback : found->second;
      });
}

// The text that occurs most often; of equals the one that came first.
Step majority_vote(const ConfigNode&) {
  return [](const Texts& texts, const Document&) {
    size_t best = 0, best_count = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      const size_t count = static_cast<size_t>(std::count(texts.begin(), texts.end(), texts[i]));
      if (count > best_count) best = i, best_count = count;
    }
    return Texts{texts[best]};
  };
}

Step take_first_k(const ConfigNode& node) {
  const size_t k = node.at("k").as_count();
  return [k, where = node.where()](const Texts& texts, const Document&) {
    if (texts.size() < k)
      fail(cat(where, ": take_first_k: expected at least ", k, " samples, got ", texts.size()));
    return Texts(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(k));
  };
}

Step take_first(const ConfigNode&) {
  return [](const Texts& texts, const Document&) { return Texts{texts.front()}; };
}

const std::map<std::string, Step (*)(const ConfigNode&)>& filters() {
  static const std::map<std::string, Step (*)(const ConfigNode&)> table = {
      {"lowercase", lowercase},
      {"majority_vote", majority_vote},
      {"map", map},
      {"multi_choice_regex", multi_choice_regex},
      {"regex", regex},
      {"remove_whitespace", remove_whitespace},
      {"take_first", take_first},
      {"take_first_k", take_first_k},
      {"uppercase", uppercase}};
  return table;
}

Step read_step(const ConfigNode& node) {
  const std::string name = node.at("function").as_string();
  const auto found = filters().find(name);
  if (found != filters().end()) return found->second(node);
  const std::vector<std::string> names = keys_of(filters());
  node.fail_at("function", cat("unknown filter '", name, "'", did_you_mean(name, names),
                               "; there are: ", join(names, " ")));
}

}  // namespace

FilterChain FilterChain::first() {
  FilterChain chain;
  chain.name_ = "none";
  return chain;
}

FilterChain FilterChain::read(const ConfigNode& node) {
  FilterChain chain;
  chain.name_ = node.at("name").as_string();
  const std::vector<ConfigNode> items = node.at("filter").items();
  if (items.empty() || items.back().at("function").as_string() != "take_first")
    node.fail_at("filter", "expected take_first at the end, so that one text is scored");
  for (const ConfigNode& item : items) chain.steps_.push_back(read_step(item));
  chain.steps_.pop_back();
  return chain;
}

std::string FilterChain::apply(const Texts& texts, const Document& doc) const {
  Texts current = texts;
  for (const Step& step : steps_) current = step(current, doc);
  EH_ASSERT(!current.empty());
  return current.front();
}

}  // namespace evalharness
