// The same documents answered by two models: what changed, and whether it is more than chance.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "harness/metrics/item.h"
#include "harness/result/run_result.h"

namespace evalharness {

// Exact McNemar test on the documents that only one of two models got right:
// 2 * P(Binomial(a + b, 1/2) <= min(a, b)), at most 1.
double mcnemar_p_value(size_t only_first, size_t only_second);

// Compressed against dense, document by document; items of one metric ("acc,none") in the same order of
// documents (EH_ASSERT on different counts). The caller fills in task, metric and backend.
//   mean: difference compressed - dense with SE sqrt(sum (d - mean d)^2 / (n - 1) / n). Of right and wrong (acc, acc_norm,
//     .., exact_match, all values 0 or 1) the exact sqrt(b + c - (b - c)^2 / n) / n, and p_value and counts.
//   perplexities: ln(PPL compressed / PPL dense), with the ratio estimator on each block's
//   difference,
//     so that what both models find hard cancels.
//   bits_per_byte: the difference in bits.
//   nanmean: mean, over the documents whose values are both numbers.
//   acc_all: mean, over the questions; bypass: no difference.
//   median and scores of the corpus: median.h, corpus.h.
PairResult compare_items(const std::string& metric, std::span<const Item> dense, std::span<const Item> compressed,
                         const std::string& aggregation);

// That a difference as large comes of chance alone, by its standard error and Student's t distribution with n - 1 degrees
// of freedom (the normal one calls two windows that agree a proof): two-sided. Nothing where there is no error, or none
// that is not 0.
std::optional<double> paired_p_value(const Estimate& difference);

}  // namespace evalharness
