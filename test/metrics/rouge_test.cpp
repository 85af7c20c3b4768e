// ROUGE by hand; the Python package's figures in comments were made with rouge_score 0.1.2:
// RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False).score(reference, prediction).
#include "harness/metrics/rouge.h"

#include <catch2/catch.hpp>

using namespace evalharness;

TEST_CASE("ROUGE counts common n-grams as often as both have them", "[rouge]") {
  // a b a b a b c and b a c a b: 3 a (2 here), 3 b (2), 1 c (1): 5 of 5 and of 7 words.
  const Rouge unigrams = rouge_n("A b a b a b c", "b a c a b", 1);
  CHECK(unigrams.precision == 1);
  CHECK(unigrams.recall == Approx(5.0 / 7));
  CHECK(unigrams.f_measure == Approx(5.0 / 6));
  // ba and ab: 2 of 4 and of 6 pairs.
  const Rouge pairs = rouge_n("A b a b a b c", "b a c a b", 2);
  CHECK(pairs.precision == 0.5);
  CHECK(pairs.recall == Approx(1.0 / 3));
  CHECK(pairs.f_measure == Approx(0.4));
}

TEST_CASE("ROUGE-L is the longest common subsequence", "[rouge]") {
  // b a a b.
  const Rouge rouge = rouge_l("A b a b a b c", "b a c a b");
  CHECK(rouge.precision == Approx(4.0 / 5));
  CHECK(rouge.recall == Approx(4.0 / 7));
  CHECK(rouge.f_measure == Approx(2.0 / 3));
}

TEST_CASE("ROUGE is what rouge_score says", "[rouge]") {
  const char* reference = "The quick brown fox jumps over the lazy dog.";
  const char* prediction = "The quick brown dog jumps on the log!";
  CHECK(rouge_n(reference, prediction, 1).f_measure == Approx(0.705882352941));
  CHECK(rouge_n(reference, prediction, 2).f_measure == Approx(0.266666666667));
  CHECK(rouge_l(reference, prediction).f_measure == Approx(0.588235294118));
}

TEST_CASE("ROUGE splits at all but a-z and 0-9, after small letters", "[rouge]") {
  // "berraschung 3 5 kelvin in z rich" and "kelvin 3 5 in kelvin z rich": the unit sign for kelvin
  // is a k in small letters.
  const char* reference = "Überraschung: 3,5 Kelvin in Zürich";
  const char* prediction = "Kelvin: 3.5 in \u212Aelvin; zürich";
  CHECK(rouge_n(reference, prediction, 1).f_measure == Approx(0.857142857143));
  CHECK(rouge_n(reference, prediction, 2).f_measure == Approx(0.333333333333));
  CHECK(rouge_l(reference, prediction).f_measure == Approx(0.714285714286));
  CHECK(rouge_l("日本語", "日本語").f_measure == 0);
}

TEST_CASE("ROUGE of texts too short for an n-gram is 0", "[rouge]") {
  CHECK(rouge_n("", "", 1).f_measure == 0);
  CHECK(rouge_l("", "word").f_measure == 0);
  CHECK(rouge_n("one", "one", 1).f_measure == 1);
  CHECK(rouge_n("one", "one", 2).f_measure == 0);
}
