// Items of one metric to a number with its standard error and 95 % interval.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/metrics/item.h"
#include "harness/result/run_result.h"

namespace evalharness {

// Aggregations by lm-evaluation-harness's names; value is an item's value, weight its weight, sums run over all items:
//   mean                 mean of the values; error: sample standard deviation / sqrt(n)
//   nanmean              the same of the values that are numbers; n is their count
//   brier_score          mean
//   median               the upper of two in the middle (median.h)
//   acc_all              mean over questions, each of several documents (acc_all.h)
//   bypass               no value: answers are made and not scored; lm-eval shows 999
//   bleu, chrf, chrf++, ter, f1, matthews_corrcoef  of the corpus (corpus.h)
//   perplexity           exp(-mean of the values); lm-eval's, for one log-likelihood a document
//   weighted_perplexity  exp(-sum of values / sum of weights); word and byte perplexity
//   bits_per_byte        -sum of values / sum of weights / ln 2
//   token_perplexity     exp(mean over items of -value / weight); compression papers, an item a
//   window
//
// Errors of perplexities are of the ratio estimator over independent blocks (documents or windows),
// carried through exp by the delta method: SE(PPL) = PPL * SE(r), the interval is exp(r +- 1.96
// SE(r)). lm-eval draws 100,000 bootstrap samples for `perplexity` and gives no error for the
// weighted ones.
//
// No items: no value, reason "no documents". A value that is not finite: reason "diverged". One
// item: a value without an error. Fails on an unknown aggregation with the nearest name.
Estimate aggregate(std::span<const Item> items, const std::string& aggregation);
const std::vector<std::string>& aggregation_names();
// True of those that belong to one metric, whose items mean nothing to the others.
bool is_fixed_aggregation(const std::string& aggregation);
// Why bypass has no value.
inline constexpr const char* kBypassed = "not scored (bypass)";

// The smallest true difference that a test at 5 % finds in 80 of 100 runs, given the standard error
// of the difference: (1.96 + 0.84) SE.
double minimal_detectable_effect(double standard_error);

}  // namespace evalharness
