// run, compress, plan, validate.

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "datasets/dataset.h"
#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/cli/verbs.h"
#include "harness/run/compress.h"
#include "harness/base/interrupt.h"
#include "harness/run/model_list.h"
#include "harness/run/plan.h"
#include "harness/run/run.h"
#include "reports/report.h"

namespace evalharness {

std::string answers_folder(const RunArguments& arguments) {
  return arguments.fresh ? "" : cache_directory() + "/answers";
}

void write_reports(const std::string& folder, const RunResult& result) {
  write_text(folder + "/report.md", report_markdown(result));
  write_text(folder + "/report.csv", report_csv(result));
  for (const Variant& variant : result.variants)
    for (const BackendResult& backend : variant.backends)
      if (!backend.roofline.points.empty()) {
        write_text(folder + "/roofline.svg", roofline_svg(result));
        return;
      }
}

void say_how_to_go_on(const char* why, const std::string& folder) {
  std::fprintf(stderr, "%s; every finished answer is kept. Go on with the same command and --resume %s\n", why, folder.c_str());
}

int run_verb(const RunArguments& arguments) {
  const RunConfig config = read_run_config(arguments.config, arguments.overrides);
  const bool resumes = !arguments.resume.empty();
  if (resumes && !arguments.out.empty()) fail("--resume names the folder already: leave --out away");
  RunOptions options{.folder = resumes ? arguments.resume : arguments.out, .offline = arguments.offline, .answers = answers_folder(arguments)};
  if (options.folder.empty()) options.folder = default_folder(config);
  const bool has_journal = std::filesystem::exists(options.folder + "/journal.jsonl");
  if (resumes && !has_journal) fail(cat(options.folder, ": no journal.jsonl to resume from"));
  if (!resumes && has_journal)
    fail(cat(options.folder, ": holds a run already; go on with --resume ", options.folder, " or name another --out"));
  watch_interrupts();
  const RunResult result = [&] {
    try {
      return run(config, options);
    } catch (const Error&) {
      // A judge that fails after hours of answers loses none of them.
      if (!resumes && std::filesystem::exists(options.folder + "/journal.jsonl")) say_how_to_go_on("failed", options.folder);
      throw;
    }
  }();
  if (result.status == "interrupted") {
    say_how_to_go_on("interrupted", options.folder);
    throw Interrupted();
  }
  write_reports(options.folder, result);
  std::cout << report_table(result, isatty(STDOUT_FILENO) != 0);
  std::fprintf(stderr, "record: %s/record.json\n", options.folder.c_str());
  return result.status == "ok" ? 0 : 1;
}

int compress_verb(const RunArguments& arguments) {
  const RunConfig config = read_run_config(arguments.config, arguments.overrides);
  watch_interrupts();
  const RunResult result = compress(config, {.folder = arguments.out, .offline = arguments.offline, .answers = {}});
  std::cout << report_table(result, isatty(STDOUT_FILENO) != 0);
  std::fprintf(stderr, "model: %s\n", arguments.out.c_str());
  return 0;
}

int plan_verb(const RunArguments& arguments) {
  const RunConfig config = read_run_config(arguments.config, arguments.overrides);
  std::cout << plan_text(config, arguments.offline);
  return 0;
}

int validate_verb(const RunArguments& arguments) {
  const RunConfig config = read_run_config(arguments.config, arguments.overrides);
  std::cout << to_json(config.resolved, 2) << '\n';
  std::fprintf(stderr, "%s: ok\n", arguments.config.c_str());
  return 0;
}

}  // namespace evalharness
