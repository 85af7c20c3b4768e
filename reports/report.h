// A record as text, for people and for other programs. Functions of the record and nothing else.
#pragma once

#include <string>

#include "harness/result/run_comparison.h"
#include "harness/result/run_result.h"
#include "reports/sweep_view.h"

namespace evalharness {

// The one table of a run: dense beside compressed, size, quality, speed. At most 110 columns of a
// terminal; colours (ANSI) only where asked.
std::string report_table(const RunResult& result, bool colour);
// report.md: the table, what its protocols mean, layers, calibration, machine, how to make it
// again.
std::string report_markdown(const RunResult& result);
// One row a (variant, backend, task, metric), a number of size and a number of speed. RFC 4180.
std::string report_csv(const RunResult& result);
// The record itself, as reports/record.schema.json describes it.
std::string report_json(const RunResult& result);
// One panel a backend that was measured: ceilings, and where each kind of linear layer and the
// whole model stand. Fails where no backend has points: "gptq_4bit: no roofline was measured".
std::string roofline_svg(const RunResult& result);

// The comparison page of a suite: one table, and the plot that it points to.
std::string sweep_table(const SweepView& view);
std::string sweep_markdown(const std::string& name, const SweepView& view);
// A row a cell; numbers as they were measured. RFC 4180.
std::string sweep_csv(const SweepView& view);
std::string sweep_json(const std::string& name, const SweepView& view);
// Quality in the first metric over bytes. Fails where no cell has a quality: "core: no cell has a quality to plot".
std::string pareto_svg(const std::string& name, const SweepView& view);

// B against A, a row a metric, and the settings in which they differ. Of a perplexity the change is a ratio; csv and json
// have its natural logarithm.
std::string run_comparison_markdown(const RunComparison& comparison);
std::string run_comparison_csv(const RunComparison& comparison);
std::string run_comparison_json(const RunComparison& comparison);

}  // namespace evalharness
