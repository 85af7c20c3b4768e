// ROUGE between two texts, as the Python package rouge_score computes it (Lin, "ROUGE: A Package
// for Automatic Evaluation of Summaries", 2004).
#pragma once

#include <cstddef>
#include <string_view>

namespace evalharness {

// Shares between 0 and 1; all 0 where a text has no token, or no n-gram.
struct Rouge {
  double precision = 0;  // of the prediction's n-grams, or tokens of the common subsequence
  double recall = 0;     // of the reference's
  double f_measure = 0;  // their harmonic mean: what is reported
};

// Texts are UTF-8. Tokens are runs of a-z and 0-9 of the text in small letters: what other scripts
// write counts for nothing, as in the original. No stemmer.
//
// ROUGE-N: n-grams in common, each as often as it stands in both. Precondition: n > 0.
Rouge rouge_n(std::string_view reference, std::string_view prediction, size_t n);
// ROUGE-L: the longest common subsequence of tokens. Time is the product of the two lengths.
Rouge rouge_l(std::string_view reference, std::string_view prediction);

}  // namespace evalharness
