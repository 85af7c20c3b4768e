// BLEU, chrF and TER: by hand, and as sacrebleu 2.6.0 computes them on a few sentences.
#include <catch2/catch.hpp>
#include <cmath>

#include "harness/base/text.h"
#include "harness/metrics/bleu.h"
#include "harness/metrics/chrf.h"
#include "harness/metrics/corpus.h"
#include "harness/metrics/ter.h"

using namespace evalharness;

namespace {

using Strings = std::vector<std::string>;
using Sums = std::vector<double>;

// Written for these tests: numbers, punctuation, other scripts, letter case, an empty text.
const Strings kTexts = {"The cat sat on the mat.",
                        "It costs 3,5 or 3.50 dollars -- not 1990-1995!",
                        "Die Straße ist „nass“, sagt sie; naïve?",
                        "",
                        "hello hello hello",
                        "日本語 です。"};
const Strings kReferences = {"The cat is sitting on the mat.",
                             "It costs 3.50 dollars, not the 1990-1995 price!",
                             "Die STRASSE ist nass, sagt sie, naiv",
                             "something",
                             "hello world",
                             "日本語です。"};
const Strings kOthers = {
    "A cat sat on a mat", "Price: 3.50 dollars", "Sie sagt: die Straße ist nass", "",
    "hello hello there",  "日本語 です"};

double corpus(const std::string& metric, bool both) {
  std::vector<Item> items;
  for (size_t i = 0; i < kTexts.size(); ++i) {
    const Strings references = both ? Strings{kReferences[i], kOthers[i]} : Strings{kReferences[i]};
    items.push_back({metric, 0, 1, "", text_statistics(metric, kTexts[i], references)});
  }
  return *corpus_estimate(items, metric).value;
}

}  // namespace

// corpus_bleu(texts, [references]).score and so on; chrf++ is corpus_chrf(..., word_order=2).
TEST_CASE("scores of a corpus are sacrebleu's", "[metrics]") {
  CHECK(corpus("bleu", false) == Approx(20.525336386628396).epsilon(1e-12));
  CHECK(corpus("chrf", false) == Approx(46.17654583087063).epsilon(1e-12));
  CHECK(corpus("chrf++", false) == Approx(46.15779994029489).epsilon(1e-12));
  CHECK(corpus("ter", false) == Approx(69.23076923076923).epsilon(1e-12));
}

TEST_CASE("scores of a corpus with two references are sacrebleu's", "[metrics]") {
  CHECK(corpus("bleu", true) == Approx(24.659256274373053).epsilon(1e-12));
  CHECK(corpus("chrf", true) == Approx(54.52153956000355).epsilon(1e-12));
  CHECK(corpus("chrf++", true) == Approx(51.6351253923939).epsilon(1e-12));
  CHECK(corpus("ter", true) == Approx(65.21739130434783).epsilon(1e-12));
}

TEST_CASE("tokens are mteval-v13a's", "[metrics]") {
  // By sacrebleu's Tokenizer13a.
  CHECK(join(tokens_13a("Hello, world. It's 3,5 (or 3.50)... $5-10 a.b. x-y end."), " ") ==
        "Hello , world . It's 3,5 ( or 3.50 ) . . . $ 5 - 10 a . b . x-y end .");
  CHECK(join(tokens_13a("&quot;R&amp;D&quot; &lt;b&gt; <skipped>hy-\nphen 日本。é.5 ,a"), " ") ==
        "\" R & D \" < b > hyphen 日本。é . 5 , a");
}

TEST_CASE("BLEU counts clipped n-grams, and half a match where there is none", "[metrics]") {
  // the 2 of 3, cat 1 of 2, on, mat; the cat, on the, the mat; on the mat; no run of four.
  const Sums sums = bleu_statistics("the cat the cat on the mat", Strings{"the cat is on the mat"});
  CHECK(sums == Sums{7, 6, 5, 3, 1, 0, 7, 6, 5, 4});
  CHECK(bleu_score(sums) == Approx(100 * std::pow(5.0 / 7 * 3 / 6 * 1 / 5 * 0.5 / 4, 0.25)));
}

TEST_CASE("BLEU punishes a short text", "[metrics]") {
  // All n-grams match; 4 words for 6: exp(1 - 6/4).
  const Sums sums = bleu_statistics("is on the mat", Strings{"the cat is on the mat"});
  CHECK(bleu_score(sums) == Approx(100 * std::exp(-0.5)));
  CHECK(bleu_score(bleu_statistics("on the mat", Strings{"on the mat"})) == 0);  // no run of four
  CHECK(bleu_score(bleu_statistics("", Strings{"on the mat"})) == 0);
}

TEST_CASE("BLEU takes the length of the nearest reference, the shorter of two", "[metrics]") {
  CHECK(bleu_statistics("a b c", Strings{"a b c d", "a b", "a"})[1] == 2);
}

TEST_CASE("chrF is F2 over runs of characters", "[metrics]") {
  // ab for abc: 2 of 2 and of 3, 1 of 1 and of 2; three in a row the text has none. Precision 1,
  // recall (2/3 + 1/2) / 2 = 7/12, F2 = 5 * 7/12 / (4 + 7/12) = 7/11.
  const Sums sums = chrf_statistics("a b", Strings{"abc"}, 0);
  CHECK(Sums(sums.begin(), sums.begin() + 9) == Sums{2, 3, 2, 1, 2, 1, 0, 1, 0});
  CHECK(chrf_score(sums) == Approx(700.0 / 11));
  CHECK(chrf_score(chrf_statistics("", Strings{"abc"}, 0)) == 0);
}

TEST_CASE("chrF++ takes one punctuation mark off a word", "[metrics]") {
  // Words (hi ) é ! . a for hi ) é ! . a: all but the first.
  const Sums sums = chrf_statistics("(hi) é! .a", Strings{"hi ) é ! . a"}, 2);
  CHECK(Sums(sums.begin() + 18, sums.end()) == Sums{6, 6, 5, 5, 5, 4});
}

TEST_CASE("TER moves runs of words for one edit each", "[metrics]") {
  CHECK(ter_statistics("c d e a b", Strings{"A b c d e"}) == Sums{1, 5});
  // One move, one replaced, one inserted: what sacrebleu counts too.
  CHECK(ter_statistics("a b x c d", Strings{"c d a b y z"}) == Sums{3, 6});
}

TEST_CASE("TER of nothing", "[metrics]") {
  CHECK(ter_score(ter_statistics("", Strings{""})) == 0);
  CHECK(ter_score(ter_statistics("a b", Strings{""})) == 100);
  CHECK(ter_score(ter_statistics("", Strings{"a b"})) == 100);
  // The fewest edits, the mean length.
  CHECK(ter_statistics("a", Strings{"a b c", "a"}) == Sums{0, 2});
}
