#include "harness/metrics/corpus.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "harness/base/error.h"
#include "harness/metrics/bleu.h"
#include "harness/metrics/chrf.h"
#include "harness/metrics/classes.h"
#include "harness/metrics/normal.h"
#include "harness/metrics/ter.h"

namespace evalharness {
namespace {

using Sums = std::vector<double>;
using References = std::span<const std::string>;

struct CorpusMetric {
  std::string aggregation;
  std::function<std::optional<double>(std::span<const double>)> score;
  std::function<Sums(std::string_view, References)> of_text;  // none of classes
};

const std::vector<CorpusMetric>& corpus_metrics() {
  static const std::vector<CorpusMetric> table = {
      {"bleu", bleu_score, bleu_statistics},
      {"chrf", chrf_score,
       [](std::string_view text, References r) { return chrf_statistics(text, r, 0); }},
      {"chrf++", chrf_score,
       [](std::string_view text, References r) { return chrf_statistics(text, r, 2); }},
      {"ter", ter_score, ter_statistics},
      {"f1", f1_score, nullptr},
      {"matthews_corrcoef", matthews_correlation, nullptr}};
  return table;
}

const CorpusMetric& metric_of(const std::string& aggregation) {
  for (const CorpusMetric& metric : corpus_metrics())
    if (metric.aggregation == aggregation) return metric;
  EH_ASSERT(false);
}

// Adds, or with `sign` -1 takes away.
void add(Sums& to, const Sums& statistics, double sign) {
  if (to.size() < statistics.size()) to.resize(statistics.size());
  for (size_t i = 0; i < statistics.size(); ++i) to[i] += sign * statistics[i];
}

bool all_finite(std::span<const Item> items) {
  return std::all_of(items.begin(), items.end(),
                     [](const Item& item) { return std::isfinite(item.value); });
}

// The score of all items, and without each.
struct Scores {
  std::optional<double> whole;
  std::vector<double> without;
};

Scores scores_of(std::span<const Item> items, const CorpusMetric& metric) {
  Sums sums;
  for (const Item& item : items) add(sums, item.statistics, 1);
  Scores scores{metric.score(sums), {}};
  if (!scores.whole || items.size() < 2) return scores;
  for (const Item& item : items) {
    add(sums, item.statistics, -1);
    scores.without.push_back(*metric.score(sums));  // defined: no class is added
    add(sums, item.statistics, 1);
  }
  return scores;
}

double jackknife_error(const std::vector<double>& without) {
  const double n = static_cast<double>(without.size());
  double mean = 0, squares = 0;
  for (const double score : without) mean += score / n;
  for (const double score : without) squares += (score - mean) * (score - mean);
  return n == 0 ? 0 : std::sqrt((n - 1) / n * squares);
}

Estimate undefined() { return Estimate::missing("f1 is of two classes, 0 and 1"); }

}  // namespace

bool is_corpus_aggregation(const std::string& aggregation) {
  const std::vector<std::string>& names = corpus_aggregations();
  return std::find(names.begin(), names.end(), aggregation) != names.end();
}

const std::vector<std::string>& corpus_aggregations() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const CorpusMetric& metric : corpus_metrics()) all.push_back(metric.aggregation);
    return all;
  }();
  return names;
}

std::vector<double> text_statistics(const std::string& aggregation, std::string_view text,
                                    std::span<const std::string> references) {
  return metric_of(aggregation).of_text(text, references);
}

std::optional<double> corpus_score(const std::string& aggregation, std::span<const double> sums) {
  return metric_of(aggregation).score(sums);
}

Estimate corpus_estimate(std::span<const Item> items, const std::string& aggregation) {
  if (!all_finite(items)) return Estimate::missing("diverged");
  const Scores scores = scores_of(items, metric_of(aggregation));
  if (!scores.whole) return undefined();
  return normal_estimate(*scores.whole, jackknife_error(scores.without), items.size());
}

Estimate corpus_difference(std::span<const Item> dense, std::span<const Item> compressed,
                           const std::string& aggregation) {
  if (!all_finite(dense) || !all_finite(compressed)) return Estimate::missing("diverged");
  const CorpusMetric& metric = metric_of(aggregation);
  const Scores before = scores_of(dense, metric);
  Scores after = scores_of(compressed, metric);
  if (!before.whole || !after.whole) return undefined();
  for (size_t i = 0; i < after.without.size(); ++i) after.without[i] -= before.without[i];
  return normal_estimate(*after.whole - *before.whole, jackknife_error(after.without),
                         dense.size());
}

}  // namespace evalharness
