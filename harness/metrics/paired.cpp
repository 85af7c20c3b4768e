#include "harness/metrics/paired.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "harness/base/error.h"
#include "harness/metrics/acc_all.h"
#include "harness/metrics/aggregate.h"
#include "harness/metrics/corpus.h"
#include "harness/metrics/median.h"
#include "harness/metrics/normal.h"
#include "harness/metrics/ratio.h"

namespace evalharness {
namespace {

// By the metric, not only by its values: answers as long as the reference, or empty, have a ratio of 1 or 0 and are not right or wrong.
bool right_or_wrong(const std::string& metric, std::span<const Item> items) {
  return (metric.starts_with("acc") || metric.starts_with("exact_match")) &&
         std::all_of(items.begin(), items.end(), [](const Item& item) { return item.value == 0 || item.value == 1; });
}

void count_changes(std::span<const Item> dense, std::span<const Item> compressed,
                   PairResult& pair) {
  for (size_t i = 0; i < dense.size(); ++i) {
    pair.only_dense_right += dense[i].value == 1 && compressed[i].value == 0;
    pair.only_compressed_right += dense[i].value == 0 && compressed[i].value == 1;
    pair.answers_changed += dense[i].answer != compressed[i].answer;
  }
}

std::vector<RatioBlock> differences(std::span<const Item> dense, std::span<const Item> compressed,
                                    const std::string& aggregation) {
  std::vector<RatioBlock> blocks;
  blocks.reserve(dense.size());
  for (size_t i = 0; i < dense.size(); ++i) {
    const RatioBlock before = block_of(dense[i], aggregation);
    const RatioBlock after = block_of(compressed[i], aggregation);
    EH_ASSERT(before.size == after.size);
    blocks.push_back({after.amount - before.amount, after.size});
  }
  return blocks;
}

// Pairs in which both values are numbers.
PairResult compare_numbers(const std::string& metric, std::span<const Item> dense, std::span<const Item> compressed) {
  std::vector<Item> before, after;
  for (size_t i = 0; i < dense.size(); ++i) {
    if (std::isnan(dense[i].value) || std::isnan(compressed[i].value)) continue;
    before.push_back(dense[i]);
    after.push_back(compressed[i]);
  }
  return compare_items(metric, before, after, "mean");
}

PairResult compare_ratios(const std::string& metric, std::span<const Item> dense, std::span<const Item> compressed,
                          const std::string& aggregation) {
  PairResult pair;
  Ratio ratio = ratio_of(differences(dense, compressed, aggregation));
  const double count = static_cast<double>(dense.size());
  if (is_mean(aggregation) && right_or_wrong(metric, dense) && right_or_wrong(metric, compressed)) {
    // The exact variance of a change of right and wrong has n where a sample variance has n - 1.
    ratio.standard_error *= std::sqrt((count - 1) / count);
    count_changes(dense, compressed, pair);
    pair.p_value = mcnemar_p_value(pair.only_dense_right, pair.only_compressed_right);
  }
  const double scale = aggregation == "bits_per_byte" ? 1 / std::numbers::ln2 : 1;
  pair.difference =
      normal_estimate(ratio.value * scale, ratio.standard_error * scale, dense.size());
  return pair;
}

// The regularised incomplete beta function I_x(a, b) by its continued fraction, which ends soon for x < (a + 1) / (a + b + 2).
double incomplete_beta(double a, double b, double x) {
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  constexpr double kClose = 1e-15;
  constexpr int kMostSteps = 100000;
  double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), fraction = d;
  for (double m = 1, step = 0; m < kMostSteps && std::abs(step - 1) > kClose; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    step = d * c;
    fraction *= step;
  }
  return fraction / a * std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
}

}  // namespace

double mcnemar_p_value(size_t only_first, size_t only_second) {
  const double n = static_cast<double>(only_first + only_second);
  const size_t fewer = std::min(only_first, only_second);
  double tail = 0;  // P(Binomial(n, 1/2) <= fewer)
  for (size_t i = 0; i <= fewer; ++i) {
    const double k = static_cast<double>(i);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) -
                     n * std::numbers::ln2);
  }
  return std::min(1.0, 2 * tail);
}

PairResult compare_items(const std::string& metric, std::span<const Item> dense, std::span<const Item> compressed,
                         const std::string& aggregation) {
  EH_ASSERT(dense.size() == compressed.size());
  PairResult pair;
  if (dense.empty()) {
    pair.difference = Estimate::missing("no documents");
    return pair;
  }
  if (aggregation == "acc_all") return compare_items(metric, by_question(dense), by_question(compressed), "mean");
  if (aggregation == "bypass") {
    pair.difference = Estimate::missing(kBypassed);
    return pair;
  }
  if (aggregation == "nanmean") return compare_numbers(metric, dense, compressed);
  if (is_corpus_aggregation(aggregation))
    pair.difference = corpus_difference(dense, compressed, aggregation);
  else if (aggregation == "median")
    pair.difference = median_difference(dense, compressed);
  else
    pair = compare_ratios(metric, dense, compressed, aggregation);
  return pair;
}

std::optional<double> paired_p_value(const Estimate& difference) {
  if (!difference.value || !difference.standard_error || *difference.standard_error == 0) return std::nullopt;
  if (*difference.value == 0) return 1;
  const double t = *difference.value / *difference.standard_error, freedom = static_cast<double>(difference.n) - 1;
  return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

}  // namespace evalharness
