#include "harness/metrics/bleu.h"

#include <algorithm>
#include <cmath>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/ngrams.h"

namespace evalharness {
namespace {

constexpr size_t kOrders = 4;
// Places in the statistics.
constexpr size_t kLength = 0, kReferenceLength = 1, kMatches = 2, kTotals = 2 + kOrders;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_stop(char c) { return c == '.' || c == ','; }

// ASCII punctuation but apostrophe, comma, hyphen and period.
bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= '!' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

// The three passes below go over bytes: what they look for is ASCII. Each takes two characters at a
// time, so that the second cannot begin the next pair.
std::string stops_after_no_digit(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (i + 1 < text.size() && !is_digit(text[i]) && is_stop(text[i + 1])) {
      result += {' ', text[i + 1], ' '};
      ++i;
    }
  }
  return result;
}

std::string stops_before_no_digit(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && is_stop(text[i]) && !is_digit(text[i + 1])) {
      result += {' ', text[i], ' ', text[i + 1]};
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string hyphens_after_digit(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (i + 1 < text.size() && is_digit(text[i]) && text[i + 1] == '-') {
      result += " - ";
      ++i;
    }
  }
  return result;
}

size_t nearest_length(size_t length, std::span<const size_t> lengths) {
  const auto distance = [&](size_t other) {
    return other > length ? other - length : length - other;
  };
  return *std::min_element(lengths.begin(), lengths.end(), [&](size_t a, size_t b) {
    return distance(a) != distance(b) ? distance(a) < distance(b) : a < b;
  });
}

}  // namespace

std::vector<std::string> tokens_13a(std::string_view text) {
  std::string line = rstrip(text);
  for (const auto& [from, to] : {std::pair{"<skipped>", ""},
                                 {"-\n", ""},
                                 {"\n", " "},
                                 {"&quot;", "\""},
                                 {"&amp;", "&"},
                                 {"&lt;", "<"},
                                 {"&gt;", ">"}})
    line = replace_all(std::move(line), from, to);
  std::string spaced = " ";
  for (const char c : line) {
    if (stands_alone(c))
      spaced += {' ', c, ' '};
    else
      spaced += c;
  }
  spaced += ' ';
  return split_whitespace(hyphens_after_digit(stops_before_no_digit(stops_after_no_digit(spaced))));
}

std::vector<double> bleu_statistics(std::string_view text,
                                    std::span<const std::string> references) {
  EH_ASSERT(!references.empty());
  const std::vector<std::string> given = tokens_13a(text);
  std::vector<std::vector<std::string>> expected;
  std::vector<size_t> lengths;
  for (const std::string& reference : references) {
    expected.push_back(tokens_13a(reference));
    lengths.push_back(expected.back().size());
  }
  std::vector<double> statistics(kTotals + kOrders);
  statistics[kLength] = static_cast<double>(given.size());
  statistics[kReferenceLength] = static_cast<double>(nearest_length(given.size(), lengths));
  for (size_t n = 1; n <= kOrders; ++n) {
    NgramCounts most;  // of any one reference
    for (const std::vector<std::string>& tokens : expected)
      for (const auto& [ngram, count] : word_ngrams(tokens, n))
        most[ngram] = std::max(most[ngram], count);
    const NgramCounts counts = word_ngrams(given, n);
    statistics[kMatches + n - 1] = static_cast<double>(matches(counts, most));
    statistics[kTotals + n - 1] = static_cast<double>(total(counts));
  }
  return statistics;
}

double bleu_score(std::span<const double> sums) {
  EH_ASSERT(sums.size() == kTotals + kOrders);
  double log_precisions = 0, unmatched = 1;
  bool any_match = false;
  for (size_t n = 0; n < kOrders; ++n) {
    const double total = sums[kTotals + n];
    double match = sums[kMatches + n];
    any_match |= match > 0;
    if (total == 0) return 0;
    if (match == 0) match = 1 / (unmatched *= 2);
    log_precisions += std::log(match / total);
  }
  if (!any_match) return 0;
  const double ratio = sums[kReferenceLength] / sums[kLength];
  return 100 * std::exp(std::min(0.0, 1 - ratio) + log_precisions / kOrders);
}

}  // namespace evalharness
