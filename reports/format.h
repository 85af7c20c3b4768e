// Numbers as people read them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/result/run_result.h"

namespace evalharness {

// What a metric's name says about its number.
struct MetricStyle {
  enum class Kind {
    kShare,       // 0 .. 1, shown in percent
    kPerplexity,  // compared as a ratio: a pair's difference is ln(compressed / dense)
    kNumber,
  };
  Kind kind = Kind::kNumber;
  bool higher_is_better = true;
};
// `key` is lm-eval's "metric,filter".
MetricStyle metric_style(const std::string& key);
// "acc,none" is "acc"; "exact_match,strict-match" is "exact_match (strict-match)".
std::string metric_label(const std::string& key);

// "17.832 ± 0.212", "66.81 ± 1.10 %", "84.1 ± 0.8 ms". Empty where there is no value, "simulated"
// where the reason starts with that word.
std::string metric_text(const Estimate& estimate, MetricStyle style);
std::string percent_text(const Estimate& estimate);
std::string quantity_text(const Estimate& estimate, const std::string& unit);
std::string factor_text(const Estimate& estimate);  // "×1.85 ± 0.03"
// "-1.25 ± 0.61, p 0.048" (points), "×1.060 ± 0.002" (perplexity).
std::string difference_text(const PairResult& pair);
// Whether a difference is more than chance: p < 0.05 where it was tested, else beyond 1.96 standard
// errors.
bool is_proven(const PairResult& pair);
// What a number was made on: "6", or "6/12" where there are more.
std::string count_text(const TaskResult& task, const std::string& metric);

// What stands between a dataset and that number, a line each: "texts that ended at max_gen_toks, not at a stop: 12". What a limit
// left out is not among it: count_text() says so.
std::vector<std::string> losses_of(const TaskResult& task, const std::string& metric);

// 1.3e11 is "130 G"; 3 digits.
std::string si_text(double value);
// "-58.0 %".
std::string relative_text(double before, double after);
// Filled with spaces on the left, on the right, to `width` code points.
std::string pad_left(const std::string& text, size_t width);
std::string pad_right(const std::string& text, size_t width);
// The same as JSON: null where there is none, beside the reason.
Value optional_value(const std::optional<double>& value);
Value estimate_value(const Estimate& estimate);
std::string variant_bytes_text(uint64_t bytes);  // empty where 0: not measured

}  // namespace evalharness
