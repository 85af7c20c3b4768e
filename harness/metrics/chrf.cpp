#include "harness/metrics/chrf.h"

#include <cctype>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/ngrams.h"

namespace evalharness {
namespace {

constexpr size_t kCharacterOrders = 6;
constexpr double kBetaSquared = 4;  // recall counts twice as much as precision

bool is_punctuation(char c) { return std::ispunct(static_cast<unsigned char>(c)) != 0; }  // ASCII

// "(hi)" becomes "(hi" and ")": one mark a word, the last before the first.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string& word : split_whitespace(text)) {
    if (code_points(word) > 1 && is_punctuation(word.back())) {
      words.push_back(word.substr(0, word.size() - 1));
      words.push_back(word.substr(word.size() - 1));
    } else if (code_points(word) > 1 && is_punctuation(word.front())) {
      words.push_back(word.substr(0, 1));
      words.push_back(word.substr(1));
    } else {
      words.push_back(word);
    }
  }
  return words;
}

// One set of counts an order.
std::vector<NgramCounts> ngrams_of(std::string_view text, size_t word_order) {
  std::vector<NgramCounts> orders;
  const std::string characters = join(split_whitespace(text), "");
  for (size_t n = 1; n <= kCharacterOrders; ++n) orders.push_back(character_ngrams(characters, n));
  const std::vector<std::string> words = words_of(text);
  for (size_t n = 1; n <= word_order; ++n) orders.push_back(word_ngrams(words, n));
  return orders;
}

std::vector<double> compare(const std::vector<NgramCounts>& given,
                            const std::vector<NgramCounts>& expected) {
  std::vector<double> statistics;
  for (size_t i = 0; i < given.size(); ++i) {
    statistics.push_back(expected[i].empty() ? 0.0 : static_cast<double>(total(given[i])));
    statistics.push_back(static_cast<double>(total(expected[i])));
    statistics.push_back(static_cast<double>(matches(given[i], expected[i])));
  }
  return statistics;
}

}  // namespace

std::vector<double> chrf_statistics(std::string_view text, std::span<const std::string> references,
                                    size_t word_order) {
  EH_ASSERT(!references.empty());
  const std::vector<NgramCounts> given = ngrams_of(text, word_order);
  std::vector<double> best;
  double best_score = -1;
  for (const std::string& reference : references) {
    std::vector<double> statistics = compare(given, ngrams_of(reference, word_order));
    const double score = chrf_score(statistics);
    if (score <= best_score) continue;
    best_score = score;
    best = std::move(statistics);
  }
  return best;
}

double chrf_score(std::span<const double> sums) {
  EH_ASSERT(sums.size() % 3 == 0);
  double precision = 0, recall = 0, orders = 0;
  for (size_t i = 0; i < sums.size(); i += 3) {
    const double in_text = sums[i], in_reference = sums[i + 1], matching = sums[i + 2];
    if (in_text == 0 || in_reference == 0) continue;
    precision += matching / in_text;
    recall += matching / in_reference;
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

}  // namespace evalharness
