// Metrics that are a score of all documents together and no mean of theirs. What each document adds
// is a small vector of sums (Item::statistics), so neither errors nor paired tests need the texts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/metrics/item.h"
#include "harness/result/run_result.h"

namespace evalharness {

// bleu, chrf, chrf++, ter (bleu.h, chrf.h, ter.h), f1 and matthews_corrcoef (classes.h).
bool is_corpus_aggregation(const std::string& aggregation);
const std::vector<std::string>& corpus_aggregations();

// What a text adds to bleu, chrf, chrf++ or ter. Precondition: one of these; at least one
// reference.
std::vector<double> text_statistics(const std::string& aggregation, std::string_view text,
                                    std::span<const std::string> references);

// The score of sums; none where it is not defined (f1, but of two classes). Precondition of all
// below: a corpus aggregation.
std::optional<double> corpus_score(const std::string& aggregation, std::span<const double> sums);

// The error is the jackknife's: with t(i) the score without document i,
// sqrt((n - 1) / n * sum (t(i) - mean t)^2), which of a mean is its standard error. lm-eval draws
// 100 bootstrap samples of bleu, chrf and ter, 100,000 of f1 and mcc. Precondition: at least one
// item.
Estimate corpus_estimate(std::span<const Item> items, const std::string& aggregation);
// Compressed - dense, the jackknife leaving a document out of both. Precondition: items of the same
// documents.
Estimate corpus_difference(std::span<const Item> dense, std::span<const Item> compressed,
                           const std::string& aggregation);

}  // namespace evalharness
