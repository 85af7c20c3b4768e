#include "tasks/answer_match.h"

#include <cctype>

#include "harness/base/letter_case.h"

namespace evalharness {

AnswerMatch AnswerMatch::read(const ConfigNode& node) {
  AnswerMatch match;
  match.ignore_case = node.get("ignore_case", false);
  match.ignore_punctuation = node.get("ignore_punctuation", false);
  match.ignore_numbers = node.get("ignore_numbers", false);
  const std::optional<ConfigNode> patterns = node.find("regexes_to_ignore");
  if (patterns && !patterns->is_null())
    for (const ConfigNode& item : patterns->items())
      match.regexes_to_ignore.emplace_back(item.as_string(), item.place());
  return match;
}

std::string AnswerMatch::reduced(std::string text) const {
  for (const Regex& pattern : regexes_to_ignore) text = pattern.substitute(text, "");
  if (ignore_case) text = lower(text);
  std::erase_if(text, [&](char c) {
    const unsigned char byte = static_cast<unsigned char>(c);
    return byte < 0x80 &&
           ((ignore_punctuation && std::ispunct(byte)) || (ignore_numbers && std::isdigit(byte)));
  });
  return text;
}

bool AnswerMatch::same(const std::string& answer, const std::string& reference) const {
  return reduced(answer) == reduced(reference);
}

}  // namespace evalharness
