// sweep: the cells of a suite one after the other, and one page that compares them.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "harness/base/interrupt.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/cli/verbs.h"
#include "harness/run/suite.h"
#include "reports/report.h"
#include "reports/sweep_view.h"

namespace evalharness {
namespace {

void write_page(const std::string& folder, const std::string& name,
                const std::vector<RunResult>& records) {
  const SweepView view = sweep_view(records);
  write_text(folder + "/sweep.md", sweep_markdown(name, view));
  write_text(folder + "/sweep.csv", sweep_csv(view));
  write_text(folder + "/sweep.json", sweep_json(name, view));
  if (view.has_quality()) write_text(folder + "/pareto.svg", pareto_svg(name, view));
}

}  // namespace

int sweep_verb(const RunArguments& arguments) {
  const Suite suite = read_suite(arguments.config, arguments.overrides);
  const std::string folder = arguments.out.empty() ? cat("runs/", suite.name) : arguments.out;
  std::filesystem::create_directories(folder);
  watch_interrupts();
  std::vector<RunResult> records;
  try {
    sweep(suite,
          {.folder = folder, .offline = arguments.offline, .answers = answers_folder(arguments)},
          [&](const SweptCell& cell) {
            records.push_back(cell.record);
            if (is_finished(cell.record) && !cell.reused) write_reports(cell.folder, cell.record);
            write_page(folder, suite.name,
                       records);  // a page of what there is, should the next cell be killed
            std::fprintf(stderr, "[%zu/%zu] %s: %s%s\n", records.size(), suite.cells.size(),
                         cell.record.name.c_str(), cell.record.status.c_str(),
                         cell.reused ? " (computed before)" : "");
          });
  } catch (const Interrupted&) {
    std::fprintf(stderr, "interrupted; what was computed is kept. Go on with the same command\n");
    throw;
  }
  const SweepView view = sweep_view(records);
  std::cout << sweep_table(view);
  std::fprintf(stderr, "page: %s/sweep.md%s\n", folder.c_str(), view.has_quality() ? cat(", plot: ", folder, "/pareto.svg").c_str() : "");
  return std::ranges::all_of(records, [](const RunResult& record) { return record.status == "ok"; })
             ? 0
             : 1;
}

}  // namespace evalharness
