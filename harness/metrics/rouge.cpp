#include "harness/metrics/rouge.h"

#include <algorithm>
#include <string>
#include <vector>

#include "harness/base/letter_case.h"
#include "harness/metrics/ngrams.h"

namespace evalharness {
namespace {

using Tokens = std::vector<std::string>;

Tokens tokens_of(std::string_view text) {
  Tokens tokens;
  bool inside = false;
  for (const char c : lower(text)) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (kept && !inside) tokens.emplace_back();
    if (kept) tokens.back() += c;
    inside = kept;
  }
  return tokens;
}

size_t longest_common_subsequence(const Tokens& a, const Tokens& b) {
  std::vector<size_t> row(b.size() + 1, 0);  // of a's first tokens and b's first j
  for (const std::string& token : a) {
    size_t diagonal = 0;  // the row before, one to the left
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = token == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

Rouge rouge_of(size_t common, size_t in_reference, size_t in_prediction) {
  Rouge rouge;
  if (common == 0) return rouge;
  rouge.precision = static_cast<double>(common) / static_cast<double>(in_prediction);
  rouge.recall = static_cast<double>(common) / static_cast<double>(in_reference);
  rouge.f_measure = 2 * rouge.precision * rouge.recall / (rouge.precision + rouge.recall);
  return rouge;
}

}  // namespace

Rouge rouge_n(std::string_view reference, std::string_view prediction, size_t n) {
  const NgramCounts expected = word_ngrams(tokens_of(reference), n);
  const NgramCounts given = word_ngrams(tokens_of(prediction), n);
  return rouge_of(matches(expected, given), total(expected), total(given));
}

Rouge rouge_l(std::string_view reference, std::string_view prediction) {
  const Tokens expected = tokens_of(reference), given = tokens_of(prediction);
  return rouge_of(longest_common_subsequence(expected, given), expected.size(), given.size());
}

}  // namespace evalharness
