// The words of a list in the order in which an answer names them last: a text that thinks before it sorts names them twice.
//
//     {function: word_sort, column: input, after: "List:"}   # the list is what follows the first "List:" of the column
//
// lm-evaluation-harness has it, for that column and mark, as utils.WordSortFilter of its bbh tasks.

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/filter_registry.h"
#include "tasks/regex.h"

namespace evalharness {
namespace {

// What stands between the first mark and the next one.
std::string listed(const Document& doc, const std::string& column, const std::string& mark) {
  const std::vector<std::string> parts = split(doc.string(column), mark);
  if (parts.size() < 2) fail(cat(doc.where(), ": field '", column, "': expected '", mark, "' in it"));
  return parts[1];
}

std::string in_order(const Regex& words, const std::string& text) {
  std::vector<std::string> last_first;
  const std::vector<std::vector<std::string>> found = words.find_all(text);
  for (auto match = found.rbegin(); match != found.rend(); ++match)
    if (std::ranges::find(last_first, match->front()) == last_first.end()) last_first.push_back(match->front());
  std::ranges::reverse(last_first);
  return join(last_first, " ");
}

FilterChain::Step word_sort(const ConfigNode& node) {
  return [column = node.at("column").as_string(), mark = node.at("after").as_string(),
          where = node.where()](const FilterChain::Texts& texts, const Document& doc) {
    std::vector<std::string> patterns;
    for (const std::string& word : split_whitespace(listed(doc, column, mark)))
      patterns.push_back(cat("\\b", Regex::escape(word), "\\b"));
    const Regex words(join(patterns, "|"), where);
    FilterChain::Texts sorted;
    for (const Extracted& one : texts) sorted.push_back({in_order(words, one.text), one.found});
    return sorted;
  };
}

const RegisterFilter word_sort_filter("word_sort", word_sort);

}  // namespace
}  // namespace evalharness
