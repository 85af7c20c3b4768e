// Translation edit rate (Snover, Dorr, Schwartz, Micciulla and Makhoul, "A Study of Translation
// Edit Rate with Targeted Human Annotation", AMTA 2006) as sacrebleu computes it by default, after
// Tercom: words between whitespace in small letters, punctuation kept.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evalharness {

// Of one text: {edits, words of the reference}. An edit inserts, deletes or replaces a word, or
// moves a run of words. Of several references the fewest edits and the mean length. Precondition:
// at least one.
//
// The best order of moves is not searched for: as Tercom does, one run of up to 10 words is moved
// up to 50 places, the move that saves most first, until none helps or 1000 were tried. Distances
// between words are computed within 25 places of the diagonal.
std::vector<double> ter_statistics(std::string_view text, std::span<const std::string> references);
// Edits for 100 words of reference, of the sums over a corpus; lower is better. Without a word in
// any reference, 100 where there are edits, else 0.
double ter_score(std::span<const double> sums);

}  // namespace evalharness
