// ASVD's choice of a ratio for each layer, given what each costs: its algorithm 1, without the model.
#pragma once

#include <array>
#include <span>
#include <vector>

namespace evalharness {

inline constexpr std::array kSearchedRatios = {0.4, 0.5, 0.6, 0.7, 0.8, 0.9};

// What the model's loss is where one layer alone is cut to a ratio of its parameters.
struct RankCandidate {
  size_t layer;
  double ratio, loss;
};

// The ratio of each layer [weights.size()], 1 where it stays whole. Candidates are let in from the least harmful one on
// (of ties the later of the list first), each layer takes the least ratio that is let in, until the sum of weights times
// ratios is at most `ratio` of all weights, or all candidates are in.
std::vector<double> least_ratios(std::vector<RankCandidate> candidates, std::span<const double> weights, double ratio);

}  // namespace evalharness
