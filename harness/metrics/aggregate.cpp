#include "harness/metrics/aggregate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/metrics/ratio.h"

namespace evalharness {
namespace {

constexpr double kNormal95 = 1.959963984540054;

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

}  // namespace

const std::vector<std::string>& aggregation_names() {
  static const std::vector<std::string> names = {"mean", "perplexity", "weighted_perplexity",
                                                 "bits_per_byte", "token_perplexity"};
  return names;
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
  if (aggregation == "mean") return {item.value, 1};
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

  const Ratio ratio = ratio_of(blocks_of(items, aggregation));
  const bool exponential = is_exponential(aggregation);
  const auto finish = [&](double r) {
    return exponential ? std::exp(r) : r * scale_of(aggregation);
  };
  const double value = finish(ratio.value);
  if (!std::isfinite(value)) return Estimate::missing("diverged");

  Estimate estimate;
  estimate.value = value;
  estimate.n = items.size();
  if (items.size() < 2) return estimate;
  estimate.standard_error = ratio.standard_error * (exponential ? value : scale_of(aggregation));
  estimate.low = finish(ratio.value - kNormal95 * ratio.standard_error);
  estimate.high = finish(ratio.value + kNormal95 * ratio.standard_error);
  if (!std::isfinite(*estimate.high) || !std::isfinite(*estimate.standard_error))
    return Estimate::missing("diverged");
  return estimate;
}

double minimal_detectable_effect(double standard_error) {
  constexpr double kNormal80 = 0.8416212335729143;
  return (kNormal95 + kNormal80) * standard_error;
}

}  // namespace evalharness
