#include "harness/metrics/classes.h"

#include <algorithm>
#include <cmath>

namespace evalharness {

std::vector<double> class_statistics(size_t right, size_t chosen) {
  std::vector<double> statistics(1 + 2 * (std::max(right, chosen) + 1));
  statistics[0] = right == chosen;
  statistics[1 + 2 * right] = 1;
  statistics[2 + 2 * chosen] = 1;
  return statistics;
}

std::optional<double> f1_score(std::span<const double> sums) {
  double documents = 0;
  size_t classes = 0;
  for (size_t i = 1; i + 1 < sums.size(); i += 2) {
    documents += sums[i];
    classes += sums[i] > 0 || sums[i + 1] > 0;
  }
  const double positive = sums.size() < 5 ? 0 : sums[3],
               said_positive = sums.size() < 5 ? 0 : sums[4];
  if (classes > 2 || (classes == 2 && positive + said_positive == 0)) return std::nullopt;
  if (positive + said_positive == 0) return 0;
  // Right are TP + TN = TP + (documents - positive - said_positive + TP).
  const double twice_true_positive = sums[0] - documents + positive + said_positive;
  return twice_true_positive / (positive + said_positive);
}

double matthews_correlation(std::span<const double> sums) {
  double documents = 0, products = 0, right_squares = 0, chosen_squares = 0;
  for (size_t i = 1; i + 1 < sums.size(); i += 2) {
    documents += sums[i];
    products += sums[i] * sums[i + 1];
    right_squares += sums[i] * sums[i];
    chosen_squares += sums[i + 1] * sums[i + 1];
  }
  const double spread =
      (documents * documents - right_squares) * (documents * documents - chosen_squares);
  return spread == 0 ? 0 : (sums[0] * documents - products) / std::sqrt(spread);
}

double brier_score(size_t right, std::span<const double> log_probs) {
  const double largest = *std::max_element(log_probs.begin(), log_probs.end());
  double sum = 0, score = 0;
  for (const double log_prob : log_probs) sum += std::exp(log_prob - largest);
  for (size_t i = 0; i < log_probs.size(); ++i) {
    const double off = std::exp(log_probs[i] - largest) / sum - (i == right ? 1 : 0);
    score += off * off;
  }
  return score;
}

}  // namespace evalharness
