#include "reports/comparison.h"

#include <algorithm>
#include <functional>

#include "harness/base/text.h"
#include "reports/format.h"
#include "reports/quality_rows.h"

namespace evalharness {
namespace {

template <class T>
void add_once(std::vector<T>& items, const T& item) {
  if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
}

const BackendResult* backend_of(const Variant& variant, const std::string& name) {
  for (const BackendResult& backend : variant.backends)
    if (backend.name == name) return &backend;
  return nullptr;
}

// What a speed was measured on.
struct Workload {
  std::string phase;
  size_t batch, tokens, context;
  bool operator==(const Workload&) const = default;

  std::string title() const {
    const std::string after = context == 0 ? "" : cat(" after ", context);
    return cat(phase, " of ", tokens, " tokens", after, ", batch ", batch);
  }
};
Workload workload_of(const SpeedResult& speed) {
  return {speed.phase, speed.batch, speed.tokens, speed.context};
}

// Fills one table. A query gives a variant's estimate, or null where it has none.
class Builder {
 public:
  explicit Builder(const RunResult& result) : result_(result) {
    for (const Variant& variant : result.variants) table_.columns.push_back(variant.name);
  }

  Comparison build() && {
    add_size();
    std::vector<std::string> backends;
    for (const Variant& variant : result_.variants)
      for (const BackendResult& backend : variant.backends) add_once(backends, backend.name);
    for (const std::string& backend : backends) add_quality(backend);
    for (const std::string& backend : backends) add_speed(backend);
    for (const std::string& backend : backends) add_unavailable(backend);
    return std::move(table_);
  }

 private:
  using Query = std::function<const Estimate*(const Variant&)>;
  using Text = std::function<std::string(const Estimate&)>;

  void add_size() {
    ComparisonSection section{"size", {}};
    const auto row = [&](const char* label,
                         const std::function<std::string(const Variant&)>& cell) {
      ComparisonRow line;
      line.label = label;
      for (const Variant& variant : result_.variants) line.cells.push_back(cell(variant));
      section.rows.push_back(std::move(line));
    };
    const auto number = [](double SizeReport::*member, int decimals, double factor,
                           const char* unit) {
      return [=](const Variant& variant) {
        return fixed_text(factor * (variant.size.*member), decimals) + unit;
      };
    };
    row("disk", [](const Variant& v) { return bytes_text(v.size.disk_bytes); });
    row("memory of weights",
        [](const Variant& v) { return variant_bytes_text(v.size.memory_bytes); });
    row("compression ratio",
        [](const Variant& v) { return cat("×", fixed_text(v.size.compression_ratio, 2)); });
    row("bits/weight", number(&SizeReport::bits_per_weight, 2, 1, ""));
    row("bits/weight, linears", number(&SizeReport::bits_per_weight_linears, 2, 1, ""));
    row("sparsity", number(&SizeReport::sparsity, 2, 100, " %"));
    row("sparsity, linears", number(&SizeReport::sparsity_linears, 2, 100, " %"));
    set_relative(section.rows[0], [](const Variant& v) { return v.size.disk_bytes; });
    set_relative(section.rows[1], [](const Variant& v) { return v.size.memory_bytes; });
    std::erase_if(section.rows, is_empty);
    if (!result_.variants.empty()) table_.sections.push_back(std::move(section));
  }

  void add_quality(const std::string& name) {
    ComparisonSection section{"quality on " + name, {}};
    for (const QualityRow& row : quality_rows(result_, name)) section.rows.push_back(metric_row(name, row));
    if (!section.rows.empty()) table_.sections.push_back(std::move(section));
  }

  ComparisonRow metric_row(const std::string& backend_name, const QualityRow& asked) {
    const std::string &task = asked.task, &metric = asked.metric;
    const MetricStyle style = metric_style(metric);
    const auto find = [&](const Variant& variant) -> const TaskResult* {
      const BackendResult* backend = backend_of(variant, backend_name);
      if (backend == nullptr) return nullptr;
      const auto results = backend->results();
      const auto found = results.find(task);
      return found == results.end() ? nullptr : found->second;
    };
    ComparisonRow row = estimate_row(
        asked.label,
        [&](const Variant& variant) -> const Estimate* {
          const TaskResult* found = find(variant);
          return found && found->metrics.contains(metric) ? &found->metrics.at(metric) : nullptr;
        },
        [&](const Estimate& estimate) { return metric_text(estimate, style); });
    for (const Variant& variant : result_.variants)
      if (const TaskResult* found = find(variant)) {
        describe(row, *found, metric, variant.name, asked.is_group ? task : "");
        for (const std::string& loss : losses_of(*found, metric)) note(loss, variant.name);
      }
    for (const PairResult& pair : result_.pairs)
      if (pair.task == task && pair.metric == metric && pair.backend == backend_name)
        set_change(row, pair, style);
    attach_notes(row);
    return row;
  }

  // What the number was made on; the variants agree, or a note says that they do not.
  // Of a group, what its mean is over stands in a note of its own: the column is narrow.
  void describe(ComparisonRow& row, const TaskResult& task, const std::string& metric, const std::string& variant, const std::string& group) {
    const std::string count = count_text(task, metric);
    const size_t head = group.empty() ? task.protocol.size() : task.protocol.rfind(", ");
    if (head < task.protocol.size()) note("mean of " + task.protocol.substr(head + 2), group);
    const std::string protocol = task.protocol.substr(0, head) + (task.sample ? ", sample" : "");
    if (row.count.empty()) row.count = count;
    if (row.protocol.empty()) row.protocol = protocol;
    if (row.count != count) note(cat("on ", count, " documents"), variant);
    if (row.protocol != protocol) note("by " + protocol, variant);
    if (task.saved_tokens > 0) note(cat("tokens of prompts shared, not computed again: ", task.saved_tokens), variant);
  }

  void set_change(ComparisonRow& row, const PairResult& pair, MetricStyle style) {
    row.change = difference_text(pair);
    const Estimate& difference = pair.difference;
    if (!difference.value) {
      if (!difference.reason.empty()) note(difference.reason, "change");
      return;
    }
    if (is_proven(pair)) row.verdict = (*difference.value > 0) == style.higher_is_better ? 1 : -1;
  }

  void add_speed(const std::string& name) {
    std::vector<Workload> workloads;
    for (const Variant& variant : result_.variants)
      if (const BackendResult* backend = backend_of(variant, name))
        for (const SpeedResult& speed : backend->speed) add_once(workloads, workload_of(speed));
    for (const Workload& workload : workloads) add_workload(name, workload);

    ComparisonRow memory;
    memory.label = "peak memory";
    const auto peak = [&](const Variant& variant) {
      const BackendResult* backend = backend_of(variant, name);
      return backend == nullptr ? uint64_t{0} : backend->peak_memory_bytes;
    };
    for (const Variant& variant : result_.variants)
      memory.cells.push_back(variant_bytes_text(peak(variant)));
    set_relative(memory, peak);
    if (std::any_of(result_.variants.begin(), result_.variants.end(), peak))
      table_.sections.push_back({"memory on " + name, {memory}});
  }

  void add_workload(const std::string& name, const Workload& workload) {
    const auto find = [&](const Variant& variant) -> const SpeedResult* {
      if (const BackendResult* backend = backend_of(variant, name))
        for (const SpeedResult& speed : backend->speed)
          if (workload_of(speed) == workload) return &speed;
      return nullptr;
    };
    ComparisonSection section{cat("speed on ", name, ": ", workload.title()), {}};
    const auto row = [&](const char* label, Estimate SpeedResult::*member, const Text& text) {
      section.rows.push_back(estimate_row(
          label,
          [&](const Variant& variant) {
            const SpeedResult* speed = find(variant);
            return speed == nullptr ? nullptr : &(speed->*member);
          },
          text));
      for (const Variant& variant : result_.variants)
        if (const SpeedResult* speed = find(variant); speed && (speed->*member).n > 1)
          section.rows.back().count = cat((speed->*member).n);
      attach_notes(section.rows.back());
    };
    const auto plain = [](const char* unit) {
      return [unit](const Estimate& estimate) { return quantity_text(estimate, unit); };
    };
    for (const Variant& variant : result_.variants)
      if (const SpeedResult* speed = find(variant))
        for (const std::string& doubt : speed->notes) note(doubt, variant.name);
    row("tokens/s", &SpeedResult::tokens_per_second, plain(""));
    row(workload.phase == "decode" ? "TPOT" : "TTFT", &SpeedResult::latency_ms, plain("ms"));
    if (workload.phase == "decode") add_percentiles(find, section);
    row("speedup", &SpeedResult::speedup, factor_text);
    row("speedup by roofline", &SpeedResult::roofline_speedup, factor_text);
    row("FLOP, dense equivalent", &SpeedResult::flops, [](const Estimate& estimate) {
      return estimate.value ? si_text(*estimate.value) : quantity_text(estimate, "");
    });
    section.rows.push_back(executed_row(find));
    row("MFU", &SpeedResult::mfu, percent_text);
    row("MBU", &SpeedResult::mbu, percent_text);
    row("share of best GEMM", &SpeedResult::share_of_best_gemm, percent_text);
    // What no variant has, not even a reason for, is no row.
    std::erase_if(section.rows, is_empty);
    table_.sections.push_back(std::move(section));
  }

  static bool is_empty(const ComparisonRow& row) {
    return row.notes.empty() && std::all_of(row.cells.begin(), row.cells.end(),
                                            [](const std::string& cell) { return cell.empty(); });
  }

  void add_percentiles(const std::function<const SpeedResult*(const Variant&)>& find, ComparisonSection& section) {
    for (const double percent : {50, 90, 99}) {
      const auto percentile = [&](const Variant& variant) -> const Estimate* {
        const SpeedResult* speed = find(variant);
        if (speed == nullptr) return nullptr;
        const auto found = std::ranges::find(speed->percentiles, percent, &LatencyPercentile::percent);
        return found == speed->percentiles.end() ? nullptr : &found->nearest_rank_ms;
      };
      section.rows.push_back(estimate_row(cat("TPOT p", percent), percentile,
                                          [](const Estimate& estimate) { return quantity_text(estimate, "ms"); }));
      for (const Variant& variant : result_.variants)
        if (const Estimate* latency = percentile(variant); latency && latency->n > 1) section.rows.back().count = cat(latency->n);
      attach_notes(section.rows.back());
    }
  }

  ComparisonRow executed_row(const std::function<const SpeedResult*(const Variant&)>& find) const {
    ComparisonRow row;
    row.label = "FLOP, executed";
    for (const Variant& variant : result_.variants) {
      const SpeedResult* speed = find(variant);
      row.cells.push_back(speed && speed->executed_flops > 0 ? si_text(speed->executed_flops) : "");
    }
    return row;
  }

  void add_unavailable(const std::string& name) {
    for (const Variant& variant : result_.variants)
      if (const BackendResult* backend = backend_of(variant, name))
        if (!backend->unavailable.empty())
          add_once(table_.unavailable, cat(name, ": ", backend->unavailable));
  }

  ComparisonRow estimate_row(const std::string& label, const Query& find, const Text& text) {
    ComparisonRow row;
    row.label = label;
    for (const Variant& variant : result_.variants) {
      const Estimate* estimate = find(variant);
      row.cells.push_back(estimate == nullptr ? "" : text(*estimate));
      if (estimate == nullptr || estimate->value || estimate->reason.empty()) continue;
      if (estimate->reason != row.cells.back()) note(estimate->reason, variant.name);
    }
    return row;
  }

  template <class Bytes>
  void set_relative(ComparisonRow& row, Bytes bytes) const {
    if (result_.variants.size() != 2) return;
    const auto before = static_cast<double>(bytes(result_.variants[0]));
    const auto after = static_cast<double>(bytes(result_.variants[1]));
    if (before == 0 || after == 0) return;
    row.change = relative_text(before, after);
    row.verdict = after < before ? 1 : after > before ? -1 : 0;
  }

  // Notes of the row under way are gathered by text, so that what holds for both variants is said
  // once.
  void note(const std::string& text, const std::string& subject) {
    for (auto& [known, subjects] : pending_)
      if (known == text) return add_once(subjects, subject);
    pending_.push_back({text, {subject}});
  }
  // The same text has one number wherever it applies.
  void attach_notes(ComparisonRow& row) {
    for (const auto& [text, subjects] : pending_) {
      const std::string note = cat(join(subjects, " and "), ": ", text);
      add_once(table_.notes, note);
      const auto found = std::find(table_.notes.begin(), table_.notes.end(), note);
      row.notes.push_back(static_cast<size_t>(found - table_.notes.begin()));
    }
    pending_.clear();
  }

  const RunResult& result_;
  Comparison table_;
  std::vector<std::pair<std::string, std::vector<std::string>>> pending_;  // note -> variants
};

std::string scalar_text(const Value* value) {
  if (value == nullptr) return "";
  if (value->is_string()) return value->string();
  return value->is_int() ? cat(value->integer()) : "";
}

void add_if(std::vector<std::string>& parts, const std::string& text,
            const std::string& before = "", const std::string& after = "") {
  if (!text.empty()) parts.push_back(before + text + after);
}

}  // namespace

std::string note_marks(const ComparisonRow& row) {
  std::vector<std::string> numbers;
  for (const size_t note : row.notes) numbers.push_back(cat(note + 1));
  return numbers.empty() ? "" : cat(" [", join(numbers, ", "), "]");
}

Comparison compare_variants(const RunResult& result) { return Builder(result).build(); }

std::vector<std::string> headline(const RunResult& result) {
  std::vector<std::string> methods, what, where;
  for (const StepReport& step : result.steps) methods.push_back(step.method);
  add_if(what, scalar_text(result.config.find("model")));
  add_if(what, join(methods, " + "));
  add_if(what, scalar_text(result.config.find("dtype")));
  add_if(where, scalar_text(result.context.find("cpu")));
  const Value* isa = result.context.find("kernel_isa");  // that ran, of all that the machine has
  add_if(where, scalar_text(isa ? isa : result.context.find("isa")));
  add_if(where, scalar_text(result.context.find("threads")), "", " threads");
  add_if(where, scalar_text(result.context.find("commit")), "commit ");
  std::vector<std::string> lines = {cat(result.name, ": ", result.status)};
  add_if(lines, join(what, "; "));
  add_if(lines, join(where, "; "));
  return lines;
}

}  // namespace evalharness
