#include "reports/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "harness/base/text.h"
#include "harness/metrics/paired.h"

namespace evalharness {
namespace {

constexpr double kLargestFixed = 1e6;

std::string scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2e", value);
  return text;
}

// Decimals that show about `digits` digits of the value, at most 3.
int decimals_for(double value, int digits) {
  if (value == 0) return 1;
  const int whole = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return std::clamp(digits - whole, 0, 3);
}

std::string with_error(double value, const std::optional<double>& error, int decimals) {
  const bool huge = std::abs(value) >= kLargestFixed;
  const auto number = [&](double x) { return huge ? scientific(x) : fixed_text(x, decimals); };
  return error ? cat(number(value), " ± ", number(*error)) : number(value);
}

std::optional<double> scaled(const std::optional<double>& error, double factor) {
  return error ? std::optional(*error * factor) : std::nullopt;
}

// What stands in a cell without a number.
std::string without_value(const Estimate& estimate) {
  return estimate.reason.starts_with("simulated") ? "simulated" : "";
}

std::string signed_text(double value, int decimals) {
  return cat(value < 0 ? "" : "+", fixed_text(value, decimals));
}

}  // namespace

MetricStyle metric_style(const std::string& key) {
  const std::string name = key.substr(0, key.find(','));
  if (name.ends_with("perplexity")) return {MetricStyle::Kind::kPerplexity, false};
  for (const char* number : {"bits_per_byte", "brier_score", "kl_divergence", "ter"})
    if (name == number) return {MetricStyle::Kind::kNumber, false};
  for (const char* share : {"acc", "exact_match", "f1", "em", "pass@", "match", "rouge"})
    if (name.starts_with(share)) return {MetricStyle::Kind::kShare, true};
  return {};
}

std::string metric_label(const std::string& key) {
  const size_t comma = key.find(',');
  if (comma == std::string::npos || key.substr(comma + 1) == "none") return key.substr(0, comma);
  return cat(key.substr(0, comma), " (", key.substr(comma + 1), ")");
}

std::string metric_text(const Estimate& estimate, MetricStyle style) {
  if (!estimate.value) return without_value(estimate);
  if (style.kind == MetricStyle::Kind::kShare) return percent_text(estimate);
  const int decimals = *estimate.value < 100 ? 3 : 2;
  return with_error(*estimate.value, estimate.standard_error, decimals);
}

std::string percent_text(const Estimate& estimate) {
  if (!estimate.value) return without_value(estimate);
  return with_error(100 * *estimate.value, scaled(estimate.standard_error, 100), 2) + " %";
}

std::string quantity_text(const Estimate& estimate, const std::string& unit) {
  if (!estimate.value) return without_value(estimate);
  return with_error(*estimate.value, estimate.standard_error, decimals_for(*estimate.value, 3)) +
         (unit.empty() ? "" : " ") + unit;
}

std::string factor_text(const Estimate& estimate) {
  if (!estimate.value) return without_value(estimate);
  const bool exact = estimate.standard_error == 0;  // the dense model against itself
  return cat("×", with_error(*estimate.value, exact ? std::nullopt : estimate.standard_error, 2));
}

std::string difference_text(const PairResult& pair) {
  const Estimate& difference = pair.difference;
  if (!difference.value) return without_value(difference);
  const MetricStyle::Kind kind = metric_style(pair.metric).kind;
  if (kind == MetricStyle::Kind::kPerplexity) {
    const double ratio = std::exp(*difference.value);
    return cat("×", with_error(ratio, scaled(difference.standard_error, ratio), 3));
  }
  const bool share = kind == MetricStyle::Kind::kShare;
  const int decimals = share ? 2 : 3;
  const double factor = share ? 100 : 1;
  std::string text = signed_text(factor * *difference.value, decimals);
  if (difference.standard_error)
    text += " ± " + fixed_text(factor * *difference.standard_error, decimals);
  if (pair.p_value)
    text += *pair.p_value < 0.001 ? ", p < 0.001" : ", p " + fixed_text(*pair.p_value, 3);
  return text;
}

bool is_proven(const PairResult& pair) {
  const Estimate& difference = pair.difference;
  if (!difference.value) return false;
  const std::optional<double> p = pair.p_value ? pair.p_value : paired_p_value(difference);
  return p && *p < 0.05;
}

std::string count_text(const TaskResult& task, const std::string& metric) {
  const auto found = task.metrics.find(metric);
  const bool is_known = found != task.metrics.end() && found->second.value;
  const size_t count = is_known ? found->second.n : task.documents;
  return count == task.available ? cat(count) : cat(count, "/", task.available);
}

std::vector<std::string> losses_of(const TaskResult& task, const std::string& metric) {
  std::vector<std::string> losses;
  for (const auto& [reason, rows] : task.skipped)
    if (reason != "limit") losses.push_back(cat("rows left out by ", reason, ": ", rows));
  if (task.truncated > 0) losses.push_back(cat("requests whose context was cut: ", task.truncated));
  if (task.unfinished > 0) losses.push_back(cat("texts that ended at max_gen_toks, not at a stop: ", task.unfinished));
  for (const auto& [filter, documents] : task.unextracted)
    if (metric.ends_with("," + filter))
      losses.push_back(cat(filter == "none" ? "answers that were empty" : cat("answers in which ", filter, " found nothing"), ": ", documents));
  return losses;
}

std::string si_text(double value) {
  constexpr std::array<const char*, 7> kPrefixes = {"", " k", " M", " G", " T", " P", " E"};
  size_t step = 0;
  // 999.5 would print as 1000.
  while (std::abs(value) >= 999.5 && step + 1 < kPrefixes.size()) {
    value /= 1000;
    ++step;
  }
  return fixed_text(value, std::min(decimals_for(value, 3), 2)) + kPrefixes[step];
}

std::string relative_text(double before, double after) {
  return signed_text(100 * (after / before - 1), 1) + " %";
}

std::string pad_left(const std::string& text, size_t width) {
  return std::string(width - std::min(width, code_points(text)), ' ') + text;
}

std::string pad_right(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, code_points(text)), ' ');
}

Value optional_value(const std::optional<double>& value) { return value ? Value(*value) : Value(); }

Value estimate_value(const Estimate& estimate) {
  Value value;
  value.set("value", optional_value(estimate.value));
  value.set("standard_error", optional_value(estimate.standard_error));
  value.set("low", optional_value(estimate.low));
  value.set("high", optional_value(estimate.high));
  value.set("n", estimate.n);
  value.set("reason", estimate.reason);
  return value;
}

std::string variant_bytes_text(uint64_t bytes) { return bytes == 0 ? "" : bytes_text(bytes); }

}  // namespace evalharness
