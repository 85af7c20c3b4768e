// Scores of a classifier: over a corpus F1 of two classes and Matthews' correlation of any number,
// as scikit-learn's f1_score and matthews_corrcoef compute them; of one document Brier's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace evalharness {

// Of one document: {1 if right, then for each class k up to the larger of the two: 1 if k is right,
// 1 if k was chosen}. Sums are padded with zeros to the longest.
std::vector<double> class_statistics(size_t right, size_t chosen);

// 2 TP / (2 TP + FP + FN) of class 1; 0 where only one other class is ever right or chosen. None of
// three classes, or of two without class 1.
std::optional<double> f1_score(std::span<const double> sums);
// -1 to 1: the correlation between the right and the chosen classes (Gorodkin, "Comparing two
// K-category assignments by a K-category correlation coefficient", 2004). 0 where either side is
// always the same.
double matthews_correlation(std::span<const double> sums);

// Squared distance between the classes' probabilities, the softmax of `log_probs`, and certainty of
// the right one; 0 to 2, lower is better.
double brier_score(size_t right, std::span<const double> log_probs);

}  // namespace evalharness
