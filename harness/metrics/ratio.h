// The ratio estimator that means and perplexities are made of.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/metrics/item.h"

namespace evalharness {

// One block: an amount over a size. Blocks are independent of each other.
struct RatioBlock {
  double amount = 0;
  double size = 1;
};

struct Ratio {
  double value = 0;  // sum of amounts / sum of sizes
  double standard_error =
      0;  // sqrt(m/(m-1) sum e^2) / sum of sizes, with e = amount - value * size; 0 if m = 1
};
Ratio ratio_of(std::span<const RatioBlock> blocks);

// A mean over documents, each of weight 1.
bool is_mean(const std::string& aggregation);
// How an aggregation reads an item: the block whose ratio is the mean, or the negative
// log-likelihood per unit. Precondition: a known aggregation, a mean or of likelihoods.
RatioBlock block_of(const Item& item, const std::string& aggregation);
std::vector<RatioBlock> blocks_of(std::span<const Item> items, const std::string& aggregation);

}  // namespace evalharness
