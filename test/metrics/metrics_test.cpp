#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "harness/metrics/aggregate.h"
#include "harness/metrics/paired.h"

using namespace evalharness;

namespace {

std::vector<Item> items(const std::vector<double>& values) {
  std::vector<Item> made;
  for (double value : values) made.push_back({"m,none", value, 1, std::to_string(value)});
  return made;
}

std::vector<Item> weighted(const std::vector<std::pair<double, double>>& values) {
  std::vector<Item> made;
  for (const auto& [value, weight] : values) made.push_back({"m,none", value, weight, ""});
  return made;
}

}  // namespace

TEST_CASE("a mean carries the standard error of the sample", "[metrics]") {
  // 1 0 0 1: mean 1/2, sample variance 4 * 1/4 / 3 = 1/3, error sqrt(1/3 / 4).
  const Estimate estimate = aggregate(items({1, 0, 0, 1}), "mean");
  CHECK(estimate.value == 0.5);
  CHECK(*estimate.standard_error == Approx(std::sqrt(1.0 / 12)));
  CHECK(*estimate.low == Approx(0.5 - 1.959963984540054 * std::sqrt(1.0 / 12)));
  CHECK(estimate.n == 4);
}

TEST_CASE("lm-eval's perplexity is exp of minus the mean log-likelihood", "[metrics]") {
  // ln: -1 and -3, mean -2, sample sd sqrt 2, error of the mean 1; by the delta method e^2 * 1.
  const Estimate estimate = aggregate(items({-1, -3}), "perplexity");
  CHECK(*estimate.value == Approx(std::exp(2.0)));
  CHECK(*estimate.standard_error == Approx(std::exp(2.0)));
  CHECK(*estimate.high == Approx(std::exp(2 + 1.959963984540054)));
}

TEST_CASE("a weighted perplexity is of the corpus, not a mean of documents", "[metrics]") {
  // -(−2 −10) / (1 + 3) = 3. Residuals: 2 - 3*1 = -1 and 10 - 3*3 = 1; SE = sqrt(2/1 * 2) / 4 =
  // 1/2.
  const std::vector<Item> documents = weighted({{-2, 1}, {-10, 3}});
  CHECK(*aggregate(documents, "weighted_perplexity").value == Approx(std::exp(3.0)));
  CHECK(*aggregate(documents, "weighted_perplexity").standard_error == Approx(std::exp(3.0) / 2));
  CHECK(*aggregate(documents, "bits_per_byte").value == Approx(3 / std::log(2.0)));
  CHECK(*aggregate(documents, "bits_per_byte").standard_error == Approx(0.5 / std::log(2.0)));
}

TEST_CASE("a token perplexity is the mean over windows of their mean, as the papers take it",
          "[metrics]") {
  // Windows: 4/2 = 2 and 4/1 = 4, mean 3; the ratio of the sums would be 8/3.
  CHECK(*aggregate(weighted({{-4, 2}, {-4, 1}}), "token_perplexity").value ==
        Approx(std::exp(3.0)));
}

TEST_CASE("one document has a value and no error", "[metrics]") {
  const Estimate estimate = aggregate(items({1}), "mean");
  CHECK(estimate.value == 1);
  CHECK(!estimate.standard_error);
  CHECK(!estimate.low);
}

TEST_CASE("a value that is not finite is no value and says why", "[metrics]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(aggregate(items({1, nan}), "mean") == Estimate::missing("diverged"));
  CHECK(aggregate(items({-1000, -1000}), "perplexity") == Estimate::missing("diverged"));
  CHECK(aggregate({}, "mean") == Estimate::missing("no documents"));
}

TEST_CASE("an unknown aggregation names the nearest", "[metrics]") {
  CHECK_THROWS_WITH(aggregate(items({1}), "perplexty"),
                    "unknown aggregation 'perplexty' (did you mean 'perplexity'?)");
}

TEST_CASE("McNemar's test is two-sided binomial and at most 1", "[metrics]") {
  CHECK(mcnemar_p_value(0, 0) == 1);
  CHECK(mcnemar_p_value(3, 3) == 1);
  CHECK(mcnemar_p_value(0, 5) == Approx(2.0 / 32));
  CHECK(mcnemar_p_value(5, 1) == Approx(2.0 * 7 / 64));
  CHECK(mcnemar_p_value(10, 400) < 1e-90);
}

TEST_CASE("paired accuracies count flips in both directions", "[metrics]") {
  // Right by both 1, dense only 2, compressed only 1, neither 1: change -1/5, SE sqrt(3 - 1/5)/5.
  std::vector<Item> dense = items({1, 1, 1, 0, 0}), compressed = items({1, 0, 0, 1, 0});
  const PairResult pair = compare_items("acc_norm,none", dense, compressed, "mean");
  CHECK(pair.only_dense_right == 2);
  CHECK(pair.only_compressed_right == 1);
  CHECK(pair.answers_changed == 3);
  CHECK(*pair.difference.value == Approx(-0.2));
  CHECK(*pair.difference.standard_error == Approx(std::sqrt(3 - 0.2) / 5));
  CHECK(*pair.p_value == 1);
}

TEST_CASE("a score that happens to be 0 or 1 is not right or wrong, and its differences have a sample's error", "[metrics]") {
  std::vector<Item> before = items({1, 1, 0, 0}), after = items({0, 1, 0, 0});
  const PairResult pair = compare_items("length_ratio,none", before, after, "mean");
  CHECK(!pair.p_value);
  CHECK(pair.only_dense_right == 0);
  CHECK(*pair.difference.value == Approx(-0.25));
  // Differences -1, 0, 0, 0: their sample standard deviation is 1/2, and n 4. Student's t is -1 with three degrees of freedom.
  CHECK(*pair.difference.standard_error == Approx(0.25));
  CHECK(*paired_p_value(pair.difference) == Approx(0.3910).margin(1e-4));  // from a table
}

TEST_CASE("a changed wrong answer is counted though no score moves", "[metrics]") {
  const std::vector<Item> dense = {{"acc,none", 0, 1, "1"}, {"acc,none", 1, 1, "0"}};
  const std::vector<Item> compressed = {{"acc,none", 0, 1, "2"}, {"acc,none", 1, 1, "0"}};
  const PairResult pair = compare_items("acc,none", dense, compressed, "mean");
  CHECK(pair.answers_changed == 1);
  CHECK(*pair.difference.value == 0);
  CHECK(*pair.difference.standard_error == 0);
}

TEST_CASE("a constant loss has no error however hard the windows are", "[metrics]") {
  const PairResult pair = compare_items("perplexity,none", weighted({{-2, 1}, {-90, 10}}),
                                        weighted({{-2.5, 1}, {-95, 10}}), "weighted_perplexity");
  CHECK(*pair.difference.value == Approx(0.5));  // ln of the ratio of perplexities
  CHECK(*pair.difference.standard_error == Approx(0).margin(1e-12));
  CHECK(!pair.p_value);
}

TEST_CASE("a pair with a diverged side has no difference", "[metrics]") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(compare_items("perplexity,none", items({-1, -2}), items({-1, -inf}), "perplexity").difference ==
        Estimate::missing("diverged"));
}

TEST_CASE("the minimal detectable effect is 2.8 standard errors", "[metrics]") {
  CHECK(minimal_detectable_effect(0.01) == Approx(0.028).epsilon(1e-3));
}

TEST_CASE("a paired difference is tested by Student's t with a degree of freedom less than documents", "[metrics]") {
  // The table's quantiles of 5 %, and 2 / pi atan(1 / t) of one degree.
  const auto p_value = [](double t, size_t n) {
    Estimate difference;
    difference.value = -t * 0.5;
    difference.standard_error = 0.5;
    difference.n = n;
    return *paired_p_value(difference);
  };
  CHECK(p_value(12.7062, 2) == Approx(0.05).epsilon(1e-5));
  CHECK(p_value(1000, 2) == Approx(2 / 3.14159265358979 * std::atan(0.001)));
  CHECK(p_value(2.2281, 11) == Approx(0.05).epsilon(1e-4));
  CHECK(p_value(0.6998, 11) == Approx(0.5).epsilon(1e-4));
  CHECK(p_value(1.959963984540054, 1000000) == Approx(0.05));  // as many are the normal distribution
  CHECK(p_value(10, 1000) < 1e-20);
  Estimate difference;
  difference.n = 12;
  difference.standard_error = 0.5;
  difference.value = 0;
  CHECK(*paired_p_value(difference) == 1);
  difference.standard_error = 0;
  CHECK(!paired_p_value(difference));
}
