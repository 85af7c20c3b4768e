// The comparison page of a suite as text: for a terminal, markdown, CSV and JSON.
#include <algorithm>

#include "harness/base/csv.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/format.h"
#include "reports/report.h"
#include "reports/sweep_view.h"

namespace evalharness {
namespace {

using Cells = std::vector<std::string>;

// "-20.5 ± 3.0 *": the star says that it is more than chance (p < 0.05, or 1.96 standard errors).
std::string starred_difference(const PairResult& pair) {
  if (!pair.difference.value) return "";
  PairResult short_pair = pair;
  short_pair.p_value.reset();  // its place is the record
  return difference_text(short_pair) + (is_proven(pair) ? " *" : "  ");
}

std::string quality_text(const Estimate& estimate, const MetricStyle& style) {
  return estimate.value || estimate.reason.empty() ? metric_text(estimate, style) : estimate.reason;
}

Cells header_of(const SweepView& view) {
  Cells cells = {"cell", "bits/weight", "disk", "ratio"};
  for (const SweepMetric& metric : view.metrics)
    cells.insert(cells.end(), {metric.label(), "to dense  "});
  for (const std::string& workload : view.workloads) cells.push_back("speedup " + workload);
  cells.insert(cells.end(), {"compressed in", "best of its size"});
  return cells;
}

Cells cells_of(const SweepRow& row, const SweepView& view) {
  const bool known = row.size.disk_bytes > 0;
  Cells cells = {row.name, known ? fixed_text(row.size.bits_per_weight_linears, 2) : "",
                 known ? bytes_text(row.size.disk_bytes) : "",
                 known ? cat("×", fixed_text(row.size.compression_ratio, 2)) : ""};
  for (size_t m = 0; m < view.metrics.size(); ++m)
    cells.insert(cells.end(), {quality_text(row.quality[m], view.metrics[m].style()),
                               starred_difference(row.differences[m])});
  for (const Estimate& speedup : row.speedups) cells.push_back(factor_text(speedup));
  cells.push_back(row.compression_seconds > 0 ? duration_text(row.compression_seconds) : "");
  const bool compared = !row.quality.empty() && row.quality[0].value;
  cells.push_back(!compared ? "" : row.dominated ? "no" : "yes");
  return cells;
}

// What the numbers are, and what did not end well.
std::vector<std::string> notes_of(const SweepView& view) {
  std::vector<std::string> notes;
  for (const SweepMetric& metric : view.metrics)
    notes.push_back(cat(metric.label(), ": ", metric.protocol, ", n ", metric.count));
  notes.push_back(
      "to dense: paired, on the same documents; a ratio for a perplexity, points for a share; * "
      "more than chance");
  notes.push_back(
      "bits/weight: of the blocks' linear layers; ratio: of the whole model's bytes; speedup: the "
      "two by turns in "
      "each cell's own run");
  if (!view.metrics.empty())
    notes.push_back(cat("best of its size: no smaller cell is as good in ", view.metrics[0].label(),
                        ", none of its size better"));
  for (const SweepRow& row : view.rows) {
    if (row.status != "ok") notes.push_back(cat(row.name, ": ", row.status));
    for (const std::string& loss : row.losses) notes.push_back(cat(row.name, ": ", loss));
  }
  return notes;
}

Value row_value(const SweepRow& row, const SweepView& view) {
  Value value, quality{Value::Map{}}, speedups{Value::Map{}};
  value.set("cell", row.name);
  value.set("status", row.status);
  Value losses{Value::List{}};
  for (const std::string& loss : row.losses) losses.push(loss);
  value.set("losses", std::move(losses));
  value.set("disk_bytes", static_cast<int64_t>(row.size.disk_bytes));
  value.set("bits_per_weight", row.size.bits_per_weight);
  value.set("bits_per_weight_linears", row.size.bits_per_weight_linears);
  value.set("sparsity_linears", row.size.sparsity_linears);
  value.set("compression_ratio", row.size.compression_ratio);
  value.set("compression_seconds", row.compression_seconds);
  value.set("dominated", row.dominated);
  for (size_t m = 0; m < view.metrics.size(); ++m) {
    Value metric;
    metric.set("quality", estimate_value(row.quality[m]));
    metric.set("difference", estimate_value(row.differences[m].difference));
    metric.set("p_value", optional_value(row.differences[m].p_value));
    quality.set(view.metrics[m].label(), std::move(metric));
  }
  for (size_t w = 0; w < view.workloads.size(); ++w)
    speedups.set(view.workloads[w], estimate_value(row.speedups[w]));
  value.set("quality", std::move(quality));
  value.set("speedup", std::move(speedups));
  return value;
}

}  // namespace

std::string sweep_table(const SweepView& view) {
  std::vector<Cells> lines = {header_of(view)};
  for (const SweepRow& row : view.rows) lines.push_back(cells_of(row, view));
  std::vector<size_t> widths(lines[0].size());
  for (const Cells& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], code_points(line[i]));
  std::string text;
  for (const Cells& line : lines) {
    std::string out = pad_right(line[0], widths[0]);
    for (size_t i = 1; i < line.size(); ++i) out += "  " + pad_left(line[i], widths[i]);
    text += rstrip(out) + "\n";
  }
  text += "\n";
  for (const std::string& note : notes_of(view)) text += note + "\n";
  return text;
}

std::string sweep_markdown(const std::string& name, const SweepView& view) {
  const Cells header = header_of(view);
  std::string text = cat("# ", name, "\n\n| ", join(header, " | "), " |\n| --- |");
  for (size_t i = 1; i < header.size(); ++i) text += " ---: |";
  text += "\n";
  for (const SweepRow& row : view.rows) text += cat("| ", join(cells_of(row, view), " | "), " |\n");
  text += "\n";
  for (const std::string& note : notes_of(view))
    text += cat("- ", replace_all(note, "*", "\\*"), "\n");
  return view.has_quality() ? text + "\n![quality over bytes](pareto.svg)\n" : text;
}

std::string sweep_csv(const SweepView& view) {
  Cells header = {"cell",
                  "status",
                  "disk_bytes",
                  "bits_per_weight",
                  "bits_per_weight_linears",
                  "sparsity_linears",
                  "compression_ratio",
                  "compression_seconds",
                  "dominated"};
  for (const SweepMetric& metric : view.metrics)
    for (const char* what :
         {"", " n", " standard_error", " difference", " difference standard_error", " p_value"})
      header.push_back(metric.label() + what);
  for (const std::string& workload : view.workloads)
    for (const char* what : {"", " standard_error"})
      header.push_back(cat("speedup ", workload, what));
  std::string text = csv_line(header);
  for (const SweepRow& row : view.rows) {
    const SizeReport& size = row.size;
    Cells cells = {row.name,
                   row.status,
                   cat(size.disk_bytes),
                   number_text(size.bits_per_weight),
                   number_text(size.bits_per_weight_linears),
                   number_text(size.sparsity_linears),
                   number_text(size.compression_ratio),
                   number_text(row.compression_seconds),
                   row.dominated ? "true" : "false"};
    for (size_t m = 0; m < view.metrics.size(); ++m) {
      const PairResult& pair = row.differences[m];
      cells.push_back(optional_text(row.quality[m].value));
      cells.push_back(row.quality[m].value ? cat(row.quality[m].n) : "");
      for (const auto& number :
           {row.quality[m].standard_error, pair.difference.value,
            pair.difference.standard_error, pair.p_value})
        cells.push_back(optional_text(number));
    }
    for (const Estimate& speedup : row.speedups)
      cells.insert(cells.end(),
                   {optional_text(speedup.value), optional_text(speedup.standard_error)});
    text += csv_line(cells);
  }
  return text;
}

std::string sweep_json(const std::string& name, const SweepView& view) {
  Value all, rows{Value::List{}};
  for (const SweepRow& row : view.rows) rows.push(row_value(row, view));
  all.set("suite", name);
  all.set("rows", std::move(rows));
  return to_json(all, 2) + "\n";
}

}  // namespace evalharness
