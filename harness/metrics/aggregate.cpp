#include "harness/metrics/aggregate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/acc_all.h"
#include "harness/metrics/corpus.h"
#include "harness/metrics/median.h"
#include "harness/metrics/normal.h"
#include "harness/metrics/ratio.h"

namespace evalharness {
namespace {

// A block's sums run over up to 10^5 documents: double throughout.
double sum_of_squared_residuals(std::span<const RatioBlock> blocks, double ratio) {
  double sum = 0;
  for (const RatioBlock& block : blocks) {
    const double residual = block.amount - ratio * block.size;
    sum += residual * residual;
  }
  return sum;
}

bool is_exponential(const std::string& aggregation) { return aggregation.ends_with("perplexity"); }

double scale_of(const std::string& aggregation) {
  return aggregation == "bits_per_byte" ? 1 / std::numbers::ln2 : 1;
}

Estimate ratio_estimate(std::span<const Item> items, const std::string& aggregation) {
  const Ratio ratio = ratio_of(blocks_of(items, aggregation));
  if (!is_exponential(aggregation)) {
    const double scale = scale_of(aggregation);
    return normal_estimate(ratio.value * scale, ratio.standard_error * scale, items.size());
  }
  // Symmetric for the logarithm.
  const double value = std::exp(ratio.value);
  Estimate estimate = normal_estimate(value, ratio.standard_error * value, items.size());
  if (!estimate.low) return estimate;
  estimate.low = std::exp(ratio.value - kNormal95 * ratio.standard_error);
  estimate.high = std::exp(ratio.value + kNormal95 * ratio.standard_error);
  return std::isfinite(*estimate.high) ? estimate : Estimate::missing("diverged");
}

Estimate nanmean_estimate(std::span<const Item> items) {
  std::vector<Item> numbers;
  for (const Item& item : items)
    if (!std::isnan(item.value)) numbers.push_back(item);
  return numbers.empty() ? Estimate::missing("no document has a number")
                         : ratio_estimate(numbers, "mean");
}

}  // namespace

const std::vector<std::string>& aggregation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"mean",          "nanmean",         "median",
                                    "brier_score",   "perplexity",      "weighted_perplexity",
                                    "bits_per_byte", "token_perplexity", "acc_all",
                                    "bypass"};
    const std::vector<std::string>& corpus = corpus_aggregations();
    all.insert(all.end(), corpus.begin(), corpus.end());
    return all;
  }();
  return names;
}

bool is_fixed_aggregation(const std::string& aggregation) {
  return is_corpus_aggregation(aggregation) || aggregation == "acc_all" || aggregation == "bypass";
}

bool is_mean(const std::string& aggregation) {
  return aggregation == "mean" || aggregation == "nanmean" || aggregation == "brier_score";
}

Ratio ratio_of(std::span<const RatioBlock> blocks) {
  double amount = 0, size = 0;
  for (const RatioBlock& block : blocks) {
    amount += block.amount;
    size += block.size;
  }
  const double ratio = amount / size;
  if (blocks.size() < 2) return {.value = ratio, .standard_error = 0};
  const double count = static_cast<double>(blocks.size());
  const double spread = sum_of_squared_residuals(blocks, ratio) * count / (count - 1);
  return {.value = ratio, .standard_error = std::sqrt(spread) / size};
}

RatioBlock block_of(const Item& item, const std::string& aggregation) {
  if (is_mean(aggregation)) return {item.value, 1};
  if (aggregation == "perplexity") return {-item.value, 1};
  // The papers average the windows' means; their windows are all of one size, where this equals the
  // ratio of the sums.
  if (aggregation == "token_perplexity") return {-item.value / item.weight, 1};
  return {-item.value, item.weight};
}

std::vector<RatioBlock> blocks_of(std::span<const Item> items, const std::string& aggregation) {
  std::vector<RatioBlock> blocks;
  blocks.reserve(items.size());
  for (const Item& item : items) blocks.push_back(block_of(item, aggregation));
  return blocks;
}

Estimate aggregate(std::span<const Item> items, const std::string& aggregation) {
  const std::vector<std::string>& known = aggregation_names();
  if (std::find(known.begin(), known.end(), aggregation) == known.end())
    fail(cat("unknown aggregation '", aggregation, "'", did_you_mean(aggregation, known)));
  if (items.empty()) return Estimate::missing("no documents");

  if (is_corpus_aggregation(aggregation)) return corpus_estimate(items, aggregation);
  if (aggregation == "bypass") return Estimate::missing(kBypassed);
  if (aggregation == "acc_all") return ratio_estimate(by_question(items), "mean");
  if (aggregation == "median") return median_estimate(items);
  if (aggregation == "nanmean") return nanmean_estimate(items);
  return ratio_estimate(items, aggregation);
}

double minimal_detectable_effect(double standard_error) {
  constexpr double kNormal80 = 0.8416212335729143;
  return (kNormal95 + kNormal80) * standard_error;
}

}  // namespace evalharness
