// How answers are taken out of texts by patterns: what the regex filters share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/config_node.h"
#include "tasks/regex.h"

namespace evalharness {

// One of the matches, counted from the end if negative, stripped; of several groups the first that
// is not empty.
struct Extraction {
  Regex pattern;
  int64_t group_select = 0;
  std::string fallback;  // "[invalid]"

  // `regex_pattern`, `group_select` and `fallback` of a filter.
  static Extraction read(const ConfigNode& node);
  // Nothing where the pattern (or another in its place) is not found, or no group of the match holds anything.
  std::optional<std::string> operator()(const std::string& text) const { return find(pattern, text); }
  std::optional<std::string> find(const Regex& regex, const std::string& text) const;
};

// What is left out of a text before it is looked into: `ignore_case`, `ignore_punctuation` and
// `regexes_to_ignore` of a filter.
struct Ignored {
  bool letter_case = false;
  bool punctuation = false;
  std::vector<Regex> patterns;

  static Ignored read(const ConfigNode& node);
  std::string operator()(std::string text) const;
};

// The letter "(B)" that an answer means: by the pattern, else by a choice's text, else by ": B".
std::optional<std::string> chosen_letter(const Extraction& extraction, const Ignored& ignored,
                                         const std::vector<std::string>& choices, const std::string& text);

}  // namespace evalharness
