// What one document contributes to one metric: the atom of every estimate and paired test.
#pragma once

#include <string>
#include <vector>

namespace evalharness {

struct Item {
  std::string metric;  // "acc,none", "exact_match,strict-match"
  double value = 0;    // 0 or 1 of an accuracy; a log-likelihood of a perplexity
  double weight = 1;   // of a perplexity: words, bytes or tokens that the log-likelihood covers
  std::string
      answer;  // what the model answered (index of a choice, extracted text); "" of a perplexity
  // Of a metric that is a score of the whole corpus (corpus.h): what is summed over the items. `value`
  // is then the score of this item alone. Of acc_all: which question the document belongs to (acc_all.h).
  std::vector<double> statistics = {};
  bool extracted = true;  // false: the metric's filter found no answer in what the model wrote
  bool operator==(const Item&) const = default;
};

}  // namespace evalharness
