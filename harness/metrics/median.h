// The median of all items, as lm-evaluation-harness takes it: of an even number the upper of the
// two in the middle.
#pragma once

#include <span>

#include "harness/metrics/item.h"
#include "harness/result/run_result.h"

namespace evalharness {

// The error is the sample standard deviation over 1000 bootstrap samples of documents, drawn by a
// fixed key (lm-eval: 100,000); a jackknife of a median does not converge. Precondition: at least
// one item.
Estimate median_estimate(std::span<const Item> items);
// Median of the compressed - median of the dense, documents drawn in pairs. Precondition: items of
// the same documents.
Estimate median_difference(std::span<const Item> dense, std::span<const Item> compressed);

}  // namespace evalharness
