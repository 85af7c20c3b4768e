#include "harness/engine/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "harness/base/error.h"

namespace evalharness {
namespace {

// Ids of the likeliest `top_k` logits and of what ties with the last, likeliest first.
std::vector<size_t> likeliest(std::span<const float> logits, size_t top_k) {
  std::vector<size_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), size_t{0});
  if (top_k > 0 && top_k < ids.size()) {
    std::vector<float> values(logits.begin(), logits.end());
    const auto last = values.begin() + static_cast<ptrdiff_t>(top_k - 1);
    std::nth_element(values.begin(), last, values.end(), std::greater<>());
    std::erase_if(ids, [&](size_t id) { return logits[id] < *last; });
  }
  std::ranges::stable_sort(ids, [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  return ids;
}

}  // namespace

int32_t sample_token(std::span<const float> logits, const SamplingRule& rule, double uniform) {
  EH_ASSERT(rule.temperature > 0 && !logits.empty());
  if (std::ranges::any_of(logits, [](float x) { return std::isnan(x); })) return 0;  // sorting needs an order
  const std::vector<size_t> ids = likeliest(logits, rule.top_k);
  std::vector<double> reached;  // unnormalised probability of a token and of all likelier ones
  double sum = 0;
  for (const size_t id : ids) {
    sum += std::exp((static_cast<double>(logits[id]) - static_cast<double>(logits[ids[0]])) / rule.temperature);
    reached.push_back(sum);
  }
  // The fewest tokens that hold top_p, then the first of them that passes `uniform` of what they hold.
  const auto last = std::ranges::lower_bound(reached, rule.top_p * sum);
  const size_t kept = std::min(ids.size(), static_cast<size_t>(last - reached.begin()) + 1);
  const double wanted = uniform * reached[kept - 1];
  const auto drawn = std::ranges::upper_bound(reached.begin(), reached.begin() + static_cast<ptrdiff_t>(kept - 1), wanted);
  return static_cast<int32_t>(ids[static_cast<size_t>(drawn - reached.begin())]);
}

}  // namespace evalharness
