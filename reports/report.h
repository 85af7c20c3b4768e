// A record as text, for people and for other programs. Functions of the record and nothing else.
#pragma once

#include <string>

#include "harness/result/run_result.h"

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

}  // namespace evalharness
