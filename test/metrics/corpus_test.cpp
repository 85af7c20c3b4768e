// Scores of classes and of whole corpora, their errors and differences.
#include "harness/metrics/corpus.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "harness/metrics/aggregate.h"
#include "harness/metrics/classes.h"
#include "harness/metrics/paired.h"

using namespace evalharness;

namespace {

std::vector<Item> classified(const std::vector<std::pair<size_t, size_t>>& right_and_chosen) {
  std::vector<Item> items;
  for (const auto& [right, chosen] : right_and_chosen)
    items.push_back({"m,none", 0, 1, "", class_statistics(right, chosen)});
  return items;
}

// Texts for references of one word each: the corpus's TER is the mean of their edits.
std::vector<Item> edits(const std::vector<double>& counts) {
  std::vector<Item> items;
  for (const double count : counts) items.push_back({"m,none", count, 1, "", {count, 1}});
  return items;
}

std::vector<Item> values(const std::vector<double>& numbers) {
  std::vector<Item> items;
  for (const double number : numbers) items.push_back({"m,none", number, 1, ""});
  return items;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("f1 is of class 1", "[metrics]") {
  // TP 2, FP 1, FN 1, TN 1; scikit-learn 1.9.1 says 2/3 too.
  CHECK(*aggregate(classified({{0, 0}, {1, 1}, {1, 0}, {0, 1}, {1, 1}}), "f1").value ==
        Approx(2.0 / 3));
  CHECK(aggregate(classified({{0, 0}, {0, 0}}), "f1").value == 0);
  CHECK(aggregate(classified({{0, 0}, {1, 2}}), "f1") ==
        Estimate::missing("f1 is of two classes, 0 and 1"));
}

TEST_CASE("mcc correlates what is right with what was chosen", "[metrics]") {
  // (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)) = (2 - 1) / 6.
  const std::string mcc = "matthews_corrcoef";
  CHECK(*aggregate(classified({{0, 0}, {1, 1}, {1, 0}, {0, 1}, {1, 1}}), mcc).value ==
        Approx(1.0 / 6));
  // scikit-learn 1.9.1: matthews_corrcoef([0, 1, 2, 2, 1], [0, 2, 2, 1, 1]).
  CHECK(*aggregate(classified({{0, 0}, {1, 2}, {2, 2}, {2, 1}, {1, 1}}), mcc).value ==
        Approx(0.375));
  CHECK(aggregate(classified({{0, 1}, {1, 1}}), mcc).value == 0);
}

TEST_CASE("Brier's score is the squared distance from certainty", "[metrics]") {
  // Softmax 1/2 1/4 1/4, whatever all log-likelihoods have in common.
  const std::vector<double> log_probs = {-90 + std::log(2.0), -90, -90};
  CHECK(brier_score(0, log_probs) == Approx(0.25 + 2.0 / 16));
  CHECK(brier_score(1, log_probs) == Approx(0.25 + 9.0 / 16 + 1.0 / 16));
}

TEST_CASE("the jackknife of a mean is its standard error", "[metrics]") {
  // As of 1 0 0 1: sqrt(1/12).
  const Estimate estimate = aggregate(edits({1, 0, 0, 1}), "ter");
  CHECK(estimate.value == 50);
  CHECK(*estimate.standard_error == Approx(100 * std::sqrt(1.0 / 12)));
  CHECK(*estimate.high == Approx(50 + 1.959963984540054 * 100 * std::sqrt(1.0 / 12)));
  CHECK(!aggregate(edits({1}), "ter").standard_error);
}

TEST_CASE("the jackknife leaves one document out of the corpus", "[metrics]") {
  // f1 of TP, FN, TN is 2/3; without each 0, 1 and 2/3. Mean 5/9, squares (25 + 16 + 1) / 81.
  const Estimate estimate = aggregate(classified({{1, 1}, {1, 0}, {0, 0}}), "f1");
  CHECK(*estimate.value == Approx(2.0 / 3));
  CHECK(*estimate.standard_error == Approx(std::sqrt(2.0 / 3 * 42 / 81)));
}

TEST_CASE("a difference of corpora leaves a document out of both", "[metrics]") {
  // What changes is 1 0 1 0.
  const PairResult pair = compare_items("ter,none", edits({2, 3, 0, 5}), edits({3, 3, 1, 5}), "ter");
  CHECK(*pair.difference.value == Approx(50));
  CHECK(*pair.difference.standard_error == Approx(100 * std::sqrt(1.0 / 12)));
  CHECK(!pair.p_value);
}

TEST_CASE("a corpus with a document that diverged has no score", "[metrics]") {
  std::vector<Item> items = classified({{0, 0}, {1, 1}});
  items.push_back({"m,none", kNan, 1, ""});
  CHECK(aggregate(items, "f1") == Estimate::missing("diverged"));
  CHECK(compare_items("f1,none", classified({{0, 0}, {1, 1}, {1, 1}}), items, "f1").difference ==
        Estimate::missing("diverged"));
}

TEST_CASE("nanmean leaves out what is no number", "[metrics]") {
  const Estimate estimate = aggregate(values({1, kNan, 0}), "nanmean");
  CHECK(estimate.value == 0.5);
  CHECK(estimate.n == 2);
  CHECK(aggregate(values({kNan}), "nanmean") == Estimate::missing("no document has a number"));
  CHECK(
      compare_items("likelihood,none", values({1, kNan, 0, 1}), values({0, 0, 0, kNan}), "nanmean").difference.value ==
      -0.5);
}

TEST_CASE("the median of an even number is the upper of two", "[metrics]") {
  CHECK(aggregate(values({9, 1, 4, 3}), "median").value == 4);
  // Of 0 1 2 drawn thrice the median is 0 or 2 in 7 of 27 cases each: variance 14/27.
  const Estimate estimate = aggregate(values({0, 1, 2}), "median");
  CHECK(*estimate.standard_error == Approx(std::sqrt(14.0 / 27)).epsilon(0.06));
  const PairResult pair = compare_items("likelihood,none", values({0, 1, 2}), values({1, 2, 3}), "median");
  CHECK(pair.difference.value == 1);
  CHECK(pair.difference.standard_error == 0);
}
