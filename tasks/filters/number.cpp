// A number in digits, else one in English words: "It is -12", "one hundred and five apples".
//
//     {function: number, regex_pattern: "([-0-9]+)", group_select: -1}
//
// lm-evaluation-harness has it as utils.NumberParseRegexFilter of its bbh tasks. Which words count there, and how the
// package word2number adds them up, is kept with its slips, since scores depend on them; a text on which that package
// stops the run gives the fallback.

#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include "harness/base/letter_case.h"
#include "harness/base/text.h"
#include "tasks/extraction.h"
#include "tasks/filter_registry.h"

namespace evalharness {
namespace {

const std::map<std::string, int64_t>& word_values() {
  static const std::map<std::string, int64_t> table = {
      {"zero", 0},         {"one", 1},         {"two", 2},       {"three", 3},          {"four", 4},
      {"five", 5},         {"six", 6},         {"seven", 7},     {"eight", 8},          {"nine", 9},
      {"ten", 10},         {"eleven", 11},     {"twelve", 12},   {"thirteen", 13},      {"fourteen", 14},
      {"fifteen", 15},     {"sixteen", 16},    {"seventeen", 17}, {"eighteen", 18},     {"nineteen", 19},
      {"twenty", 20},      {"thirty", 30},     {"forty", 40},    {"fifty", 50},         {"sixty", 60},
      {"seventy", 70},     {"eighty", 80},     {"ninety", 90},   {"hundred", 100},      {"thousand", 1000},
      {"million", 1000000}, {"billion", 1000000000}};
  return table;
}

// A run of number words. In front and at its end stand whole words; between them the endings of "six", "seven" and "nine"
// may lack, which they may not elsewhere: a lone "seven" is not found.
std::string number_words() {
  const auto word = [](const char* ending, const char* of_eight) {
    return cat("zero|one|two|three|four|five|(?:twen|thir|for|fif|six|seven|nine)", ending, "|eight", of_eight,
               "|ten|eleven|twelve|fourteen|hundred|thousand|(?:m|b|tr)illion");
  };
  const std::string first = word("(?:teen|ty)", "(?:|een|y)"), inner = word("(?:|teen|ty)", "(?:een|y)"),
                    last = word("(?:teen|ty)", "(?:een|y)");
  return cat("((?:(?:", first, ")(?:", inner, "|[^\\S\\r\\n]|,|and|&)+)?(?:", last, "))");
}

using Values = std::span<const int64_t>;

// Hundreds, tens and ones; of more than four words the first.
std::optional<int64_t> below_thousand(Values v) {
  if (v.empty()) return std::nullopt;
  if (v.size() == 4) return v[0] * v[1] + v[2] + v[3];
  if (v.size() == 3) return v[0] * v[1] + v[2];
  if (v.size() == 2) return v[0] == 100 || v[1] == 100 ? v[0] * v[1] : v[0] + v[1];
  return v[0];
}

// word2number 1.1. Nothing where it raises an error.
std::optional<int64_t> number_of(Values values) {
  if (values.empty()) return std::nullopt;
  if (values.size() == 1) return values[0];
  int64_t total = 0;
  size_t begin = 0;
  std::optional<size_t> rest = 0;  // where the words behind the scales begin
  for (const int64_t scale : {1000000000, 1000000, 1000}) {
    const auto at = std::ranges::find(values, scale);
    if (at == values.end()) continue;
    const size_t index = static_cast<size_t>(at - values.begin());
    if (index < begin || std::count(values.begin(), values.end(), scale) > 1) return std::nullopt;
    const std::optional<int64_t> count = below_thousand(values.subspan(begin, index - begin));
    if (!count) return std::nullopt;
    total += *count * scale;
    begin = index + 1;
    // Its slip: where nothing follows the last scale, what follows the one before counts once more.
    if (begin < values.size())
      rest = begin;
    else if (rest == 0)
      rest = std::nullopt;
  }
  if (!rest) return total;
  const std::optional<int64_t> ones = below_thousand(values.subspan(*rest));
  if (!ones) return std::nullopt;
  return total + *ones;
}

std::optional<int64_t> number_in_words(const std::string& text) {
  std::vector<int64_t> values;
  for (const std::string& word : split_whitespace(text))
    if (const auto found = word_values().find(word); found != word_values().end()) values.push_back(found->second);
  return number_of(values);
}

FilterChain::Step number(const ConfigNode& node) {
  const Extraction digits = Extraction::read(node);
  const Regex words(number_words(), node.where());
  return from_each_text(
      [digits, words](const std::string& text) -> std::optional<std::string> {
        const std::string found = digits(text).value_or("");
        if (!found.empty()) return found;
        const std::optional<int64_t> value = number_in_words(digits.find(words, lower(text)).value_or(""));
        return value ? std::optional(cat(*value)) : std::nullopt;
      },
      digits.fallback);
}

const RegisterFilter number_filter("number", number);

}  // namespace
}  // namespace evalharness
