#include "methods/rank_search.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace evalharness {

std::vector<double> least_ratios(std::vector<RankCandidate> candidates, std::span<const double> weights, double ratio) {
  std::ranges::stable_sort(candidates, std::greater(), &RankCandidate::loss);
  std::vector<double> ratios(weights.size(), 1.0);
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double left = all;
  while (left > ratio * all * (1 + 1e-12) && !candidates.empty()) {
    const RankCandidate& next = candidates.back();
    const double least = std::min(ratios[next.layer], next.ratio);
    left -= weights[next.layer] * (ratios[next.layer] - least);
    ratios[next.layer] = least;
    candidates.pop_back();
  }
  return ratios;
}

}  // namespace evalharness
