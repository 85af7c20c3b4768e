// report.md: the record for a reader of a repository or an issue.
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <vector>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/comparison.h"
#include "reports/format.h"
#include "reports/report.h"

namespace evalharness {
namespace {

std::string escaped(const std::string& text) {
  return replace_all(replace_all(text, "|", "\\|"), "\n", " ");
}

std::string table_line(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += cat(" ", escaped(cell), " |");
  return line + "\n";
}

std::string comparison_text(const Comparison& table) {
  std::vector<std::string> header = {""}, ruler = {":--"};
  for (const std::string& column : table.columns) {
    header.push_back(column);
    ruler.push_back("--:");
  }
  header.insert(header.end(), {"change", "n", "protocol"});
  ruler.insert(ruler.end(), {"--:", "--:", ":--"});
  std::string text = table_line(header) + table_line(ruler);
  for (const ComparisonSection& section : table.sections) {
    std::vector<std::string> title(header.size());
    title[0] = cat("**", section.title, "**");
    text += table_line(title);
    for (const ComparisonRow& row : section.rows) {
      std::vector<std::string> cells = {row.label + note_marks(row)};
      cells.insert(cells.end(), row.cells.begin(), row.cells.end());
      cells.insert(cells.end(), {row.change, row.count, row.protocol});
      text += table_line(cells);
    }
  }
  text += "\n";
  for (const std::string& line : table.unavailable) text += cat("- ", line, "\n");
  for (size_t i = 0; i < table.notes.size(); ++i)
    text += cat("- [", i + 1, "] ", table.notes[i], "\n");
  return text;
}

// What a protocol's id says about how its number was made.
std::string protocol_meaning(const std::string& id) {
  if (id.starts_with("lm-eval"))
    return "as EleutherAI lm-evaluation-harness asks and scores; the number is the task's version";
  if (id.starts_with("agreement"))
    return "the compressed model's answers against the dense model's own, both the likeliest; the number is the task's version";
  if (id.starts_with("llama.cpp"))
    return "as llama.cpp: windows side by side, only the second half of each is scored";
  const std::string window = id.substr(id.rfind('-') + 1);
  const bool digits = !window.empty() && std::all_of(window.begin(), window.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return "";
  return cat(
      "as compression papers: the text is tokenised once and cut into windows of ", window,
      " tokens side by side; the tail is dropped and the first token of a window is never scored");
}

std::string protocols_text(const RunResult& result) {
  std::map<std::string, std::set<std::string>> ids;  // by what they mean
  bool sample = false;
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends)
      for (const auto& [name, task] : backend.tasks) {
        ids[protocol_meaning(task.protocol)].insert(cat("`", task.protocol, "`"));
        sample = sample || task.sample;
      }
  std::string text;
  for (const auto& [meaning, names] : ids)
    if (!meaning.empty())
      text += cat("- ", join(std::vector(names.begin(), names.end()), ", "), ": ", meaning, ".\n");
  if (sample)
    text +=
        "- `sample`: the data is the small sample that comes with the program; such a number is "
        "compared with no published one.\n";
  text +=
      "- A value is followed by its standard error. The change of an accuracy is in points, with "
      "the exact McNemar p-value on the same documents; that of a perplexity is the ratio.\n";
  return text;
}

std::string error_text(const std::optional<double>& error) { return error ? fixed_text(*error, 5) : ""; }

// The mean over the layers that have one; "" where none has.
std::string mean_error(const StepReport& step, std::optional<double> LayerReport::* error) {
  std::vector<double> errors;
  for (const LayerReport& layer : step.layers)
    if (layer.*error) errors.push_back(*(layer.*error));
  if (errors.empty()) return "";
  return fixed_text(std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(errors.size()), 5);
}

std::string layers_text(const StepReport& step) {
  if (step.layers.empty()) return "";
  std::string text =
      cat("<details><summary>", step.method, ": ", step.layers.size(), " layers</summary>\n\n",
          table_line({"layer", "format", "bits/weight", "sparsity", "weight error", "output error"}),
          table_line({":--", ":--", "--:", "--:", "--:", "--:"}));
  for (const LayerReport& layer : step.layers)
    text += table_line({layer.name, layer.format, fixed_text(layer.bits_per_weight, 2),
                        fixed_text(100 * layer.sparsity, 2) + " %",
                        error_text(layer.weight_error), error_text(layer.output_error)});
  return text + "\n</details>\n\n";
}

// "- samples: 16"; maps within are written as JSON.
std::string list_text(const Value& value) {
  if (!value.is_map()) return "";
  std::string text;
  for (const auto& [key, item] : value.map())
    text += cat("- ", key, ": ", item.is_string() ? item.string() : to_json(item), "\n");
  return text;
}

std::string step_title(const StepReport& step) {
  std::string title = cat("### ", step.method, ", ", duration_text(step.seconds));
  if (step.passes > 0) title += cat(", ", fixed_text(step.passes, 2), " passes over the calibration set");
  if (step.peak_memory_bytes > 0) title += cat(", peak memory ", variant_bytes_text(step.peak_memory_bytes));
  return title;
}

// Size and error behind the step.
std::string facts_text(const StepReport& step) {
  std::string text = cat("- ", fixed_text(step.bits_per_weight, 2), " bits/weight and ", fixed_text(100 * step.sparsity, 2), " % zeros in the linear layers\n");
  const std::string of_weights = mean_error(step, &LayerReport::weight_error), of_outputs = mean_error(step, &LayerReport::output_error);
  if (!of_weights.empty()) text += cat("- relative squared error of weights, mean over layers: ", of_weights, "\n");
  if (!of_outputs.empty()) text += cat("- relative squared error of outputs, mean over layers: ", of_outputs, "\n");
  return text;
}

std::string steps_text(const RunResult& result) {
  std::string text;
  for (const StepReport& step : result.steps) {
    text += cat(step_title(step), "\n\n", facts_text(step), list_text(step.details), "\n");
    text += layers_text(step);
  }
  const Value* calibration = result.config.find("calibration");
  if (calibration != nullptr) text += cat("### Calibration\n\n", list_text(*calibration), "\n");
  return text;
}

std::string kernels_text(const RunResult& result) {
  std::string text;
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends)
      for (const auto& [format, kernel] : backend.kernels)
        text += cat("- ", variant.name, ", ", backend.name, ", ", format, ": ", kernel, "\n");
  return text.empty() ? "" : cat("\n### Kernels that ran\n\n", text);
}

// Of the parts of a pass, and of the pass.
std::string parts_text(const std::string& title, const std::vector<const RooflinePoint*>& parts, const RooflinePoint& pass) {
  std::string text = cat("### ", title, "\n\n", table_line({"part", "kernel", "calls", "a call", "share of the pass", "share of its roof"}),
                         table_line({":--", ":--", "--:", "--:", "--:", "--:"}));
  const double whole = *pass.seconds.value;
  double rest = whole;
  for (const RooflinePoint* part : parts) {
    if (!part->seconds.value) continue;
    const double seconds = *part->seconds.value;
    rest -= part->calls * seconds;
    const std::string share_of_roof = part->bound_seconds > 0 ? fixed_text(100 * part->bound_seconds / seconds, 1) + " %" : "";
    text += table_line({part->name, part->kernel, cat(part->calls), cat(fixed_text(1e6 * seconds, 1), " µs"),
                        fixed_text(100 * part->calls * seconds / whole, 1) + " %", share_of_roof});
  }
  text += table_line({"what is left", "", "", "", fixed_text(100 * rest / whole, 1) + " %", ""});
  return text + table_line({"**pass**", "", "1", cat(fixed_text(1e6 * whole, 1), " µs"), "100 %", ""}) + "\n";
}

std::string time_text(const RunResult& result) {
  std::string text;
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends)
      for (const char* phase : {"prefill", "decode"}) {
        std::vector<const RooflinePoint*> parts;
        const RooflinePoint* pass = nullptr;
        for (const RooflinePoint& point : backend.roofline.points) {
          if (point.phase != phase || point.name == "model") continue;
          if (point.name == "pass") pass = &point;
          else parts.push_back(&point);
        }
        if (pass != nullptr && pass->seconds.value)
          text += parts_text(cat(variant.name, " on ", backend.name, ", ", phase), parts, *pass);
      }
  if (text.empty()) return text;
  return cat("\n## Where the time goes\n\nOps are timed within passes of the first workload of each phase, of none a prefill of 512 tokens or a step behind "
             "512 (medians); a roof is the least time that the machine's peaks allow.\n\n", text);
}

}  // namespace

std::string report_markdown(const RunResult& result) {
  const std::vector<std::string> lines = headline(result);
  std::string text = cat("# ", lines[0], "\n\n");
  for (size_t i = 1; i < lines.size(); ++i) text += lines[i] + "\n\n";
  text += comparison_text(compare_variants(result));
  text += time_text(result);
  text += cat("\n## Protocols\n\n", protocols_text(result));
  if (!result.steps.empty()) text += cat("\n## Compression\n\n", steps_text(result));
  text += cat("\n## Machine\n\n", list_text(result.context), kernels_text(result));
  text += cat("\n## To make it again\n\nSave this as `", result.name,
              ".yaml` (JSON is YAML), defaults and all, and run `evalharness run ", result.name,
              ".yaml`.\n\n```json\n", to_json(result.config, 2), "\n```\n");
  return text;
}

}  // namespace evalharness
