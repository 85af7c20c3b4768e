// chrF (Popovic, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015) and chrF++
// (Popovic, WMT 2017) as sacrebleu computes them by default.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evalharness {

// Of one text, {its n-grams, the reference's, matches} for runs of 1 to 6 characters, whitespace
// left out, and then for runs of 1 to `word_order` words (0: chrF, 2: chrF++), punctuation at the
// end or else at the start of a word taken off as a word. Letter case counts. An order that the
// reference lacks counts none of the text's n-grams. Of several references the one with the best
// score alone, the first of equals. Precondition: at least one.
std::vector<double> chrf_statistics(std::string_view text, std::span<const std::string> references,
                                    size_t word_order);
// 0 to 100, of the sums over a corpus: F with beta = 2 of the means of precision and recall over
// the orders that both sides have.
double chrf_score(std::span<const double> sums);

}  // namespace evalharness
