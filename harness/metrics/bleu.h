// BLEU (Papineni, Roukos, Ward and Zhu, "BLEU: a Method for Automatic Evaluation of Machine
// Translation", ACL 2002) as sacrebleu's corpus_bleu computes it by default: tokens of mteval-v13a,
// n-grams of 1 to 4 words, exponential smoothing, letter case kept.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evalharness {

// Of one text: {its length, the reference's, matches of n = 1..4, n-grams of n = 1..4}, lengths in
// tokens. Of several references an n-gram may match as often as in the one that has most of it, and
// the length nearest to the text's counts (the shorter of two). Precondition: at least one.
std::vector<double> bleu_statistics(std::string_view text, std::span<const std::string> references);
// 0 to 100, of the sums over a corpus: the geometric mean of the four precisions, where the k-th
// that is without a match counts 1/2^k match, times exp(1 - reference / length) if the text is the
// shorter. 0 where nothing matches, or where no text has four tokens.
double bleu_score(std::span<const double> sums);

// Tokens as mteval-v13a cuts them, for Western languages: punctuation stands alone, but periods and
// commas only where no digit is beside them; &quot; &amp; &lt; &gt; are read.
std::vector<std::string> tokens_13a(std::string_view text);

}  // namespace evalharness
