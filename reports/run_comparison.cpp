// Two runs side by side: what differs in their configs, and B against A in every metric.
#include "harness/result/run_comparison.h"

#include <algorithm>

#include "harness/base/csv.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/format.h"
#include "reports/report.h"

namespace evalharness {
namespace {

using TableRows = std::vector<std::vector<std::string>>;

// Markdown that is a table on a terminal too. `sides`: '<' or '>' of each column, where its cells stand; the first row is
// the header.
std::string aligned_markdown(const TableRows& rows, const std::string& sides) {
  std::vector<size_t> widths(sides.size(), 3);
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], code_points(row[c]));
  std::string text;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c)
      text += cat("| ", sides[c] == '<' ? pad_right(row[c], widths[c]) : pad_left(row[c], widths[c]), " ");
    text += "|\n";
    if (&row != &rows.front()) continue;
    for (size_t c = 0; c < row.size(); ++c)
      text += cat("| ", sides[c] == '<' ? ":" : "", std::string(widths[c] - 1, '-'), sides[c] == '>' ? ":" : "", " ");
    text += "|\n";
  }
  return text;
}

std::string run_text(const ComparedRun& run) { return cat(run.name, " (", run.variant, "), ", run.folder); }

// "-4.50 ± 3.19": the test has a column of its own.
std::string change_text(const ComparedMetric& metric) {
  PairResult pair = metric.pair;
  pair.p_value.reset();
  return difference_text(pair);
}

std::string test_text(const ComparedMetric& metric) {
  if (!metric.p_value) return "";
  return cat(*metric.p_value < 0.001 ? "< 0.001" : fixed_text(*metric.p_value, 3), " (", metric.test, ")");
}

// Answers that were right in one run only, of right-or-wrong metrics.
std::string flips_text(const ComparedMetric& metric) {
  if (!metric.pair.p_value) return "";
  return cat(metric.pair.only_dense_right, " / ", metric.pair.only_compressed_right);
}

// "gsm8k exact_match (strict-match): A: answers in which strict-match found nothing: 3", a line each.
std::vector<std::string> losses_of(const RunComparison& comparison) {
  std::vector<std::string> losses;
  for (const ComparedMetric& metric : comparison.metrics)
    for (const auto& [side, task] : {std::pair{"A", &metric.of_a}, std::pair{"B", &metric.of_b}})
      for (const std::string& loss : losses_of(*task, metric.metric))
        losses.push_back(cat(metric.task, " ", metric_label(metric.metric), ": ", side, ": ", loss));
  return losses;
}

std::string left_out_text(const RunComparison& comparison) {
  std::string text;
  if (!comparison.only_a.empty()) text += cat("- only in A: ", join(comparison.only_a, ", "), "\n");
  if (!comparison.only_b.empty()) text += cat("- only in B: ", join(comparison.only_b, ", "), "\n");
  for (const RunComparison::LeftOut& left_out : comparison.left_out)
    text += cat("- not compared: ", left_out.task, ": ", left_out.reason, "\n");
  for (const std::string& loss : losses_of(comparison)) text += cat("- ", loss, "\n");
  return text.empty() ? "" : text + "\n";
}

bool is_ratio(const ComparedMetric& metric) { return metric_style(metric.metric).kind == MetricStyle::Kind::kPerplexity; }

Value metric_value(const ComparedMetric& metric) {
  Value value;
  value.set("task", metric.task);
  value.set("metric", metric.metric);
  value.set("protocol", metric.protocol);
  value.set("a", estimate_value(metric.a));
  value.set("b", estimate_value(metric.b));
  value.set(is_ratio(metric) ? "ln_ratio" : "difference", estimate_value(metric.pair.difference));
  value.set("p_value", optional_value(metric.p_value));
  value.set("test", metric.test);
  value.set("only_a_right", metric.pair.only_dense_right);
  value.set("only_b_right", metric.pair.only_compressed_right);
  value.set("answers_changed", metric.pair.answers_changed);
  return value;
}

Value run_value(const ComparedRun& run) {
  return Value(Value::Map{{"name", run.name}, {"variant", run.variant}, {"folder", run.folder}});
}

}  // namespace

std::string run_comparison_markdown(const RunComparison& comparison) {
  std::string text = cat("# ", comparison.b.name, " against ", comparison.a.name, "\n\n- A: ", run_text(comparison.a), "\n- B: ",
                         run_text(comparison.b), "\n\n");
  TableRows rows = {{"task", "A", "B", "B against A", "p", "only A / only B right", "n", "protocol"}};
  for (const ComparedMetric& metric : comparison.metrics) {
    const MetricStyle style = metric_style(metric.metric);
    rows.push_back({cat(metric.task, " ", metric_label(metric.metric)), metric_text(metric.a, style), metric_text(metric.b, style),
                    change_text(metric), test_text(metric), flips_text(metric), cat(metric.pair.difference.n), metric.protocol});
  }
  text += aligned_markdown(rows, "<>>>>>><") + "\n" + left_out_text(comparison);
  if (comparison.settings.empty()) return text + "The configs are the same.\n";
  TableRows settings = {{"setting", "A", "B"}};
  for (const RunComparison::Setting& setting : comparison.settings) settings.push_back({setting.key, setting.a, setting.b});
  return text + aligned_markdown(settings, "<<<");
}

std::string run_comparison_csv(const RunComparison& comparison) {
  std::string text = csv_line({"task", "metric", "protocol", "n", "a", "a_standard_error", "b", "b_standard_error", "change",
                               "difference", "standard_error", "low", "high", "p_value", "test", "only_a_right", "only_b_right",
                               "answers_changed", "reason"});
  for (const ComparedMetric& metric : comparison.metrics) {
    const Estimate& change = metric.pair.difference;
    text += csv_line({metric.task, metric.metric, metric.protocol, cat(change.n), optional_text(metric.a.value),
                      optional_text(metric.a.standard_error), optional_text(metric.b.value),
                      optional_text(metric.b.standard_error), is_ratio(metric) ? "ln_ratio" : "difference",
                      optional_text(change.value), optional_text(change.standard_error), optional_text(change.low),
                      optional_text(change.high), optional_text(metric.p_value), metric.test,
                      cat(metric.pair.only_dense_right), cat(metric.pair.only_compressed_right),
                      cat(metric.pair.answers_changed), change.reason});
  }
  const auto add_left_out = [&](const std::string& task, const std::string& reason) {
    std::vector<std::string> fields(19);
    fields.front() = task;
    fields.back() = reason;
    text += csv_line(fields);
  };
  for (const std::string& task : comparison.only_a) add_left_out(task, "only in A");
  for (const std::string& task : comparison.only_b) add_left_out(task, "only in B");
  for (const RunComparison::LeftOut& left_out : comparison.left_out) add_left_out(left_out.task, left_out.reason);
  return text;
}

std::string run_comparison_json(const RunComparison& comparison) {
  Value all, metrics{Value::List{}}, settings{Value::List{}};
  for (const ComparedMetric& metric : comparison.metrics) metrics.push(metric_value(metric));
  for (const RunComparison::Setting& setting : comparison.settings)
    settings.push(Value(Value::Map{{"key", setting.key}, {"a", setting.a}, {"b", setting.b}}));
  const auto names = [](const std::vector<std::string>& tasks) {
    Value list{Value::List{}};
    for (const std::string& task : tasks) list.push(task);
    return list;
  };
  all.set("a", run_value(comparison.a));
  all.set("b", run_value(comparison.b));
  all.set("metrics", std::move(metrics));
  all.set("only_a", names(comparison.only_a));
  all.set("only_b", names(comparison.only_b));
  Value left_out{Value::List{}};
  for (const RunComparison::LeftOut& one : comparison.left_out)
    left_out.push(Value(Value::Map{{"task", one.task}, {"reason", one.reason}}));
  all.set("left_out", std::move(left_out));
  all.set("settings", std::move(settings));
  return to_json(all, 2) + "\n";
}

}  // namespace evalharness
