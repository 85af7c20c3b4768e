// list, fetch, report, compare.

#include <algorithm>
#include <iostream>

#include "datasets/dataset.h"
#include "datasets/fetch.h"
#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/mapped_file.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "harness/cli/verbs.h"
#include "harness/run/compare_runs.h"
#include "harness/run/model_list.h"
#include "reports/report.h"

namespace evalharness {
namespace {

void line(const std::string& name, const std::string& text) {
  std::cout << "  " << name << std::string(name.size() < 24 ? 24 - name.size() : 1, ' ') << text << '\n';
}

void list_methods_() {
  std::cout << "methods:\n";
  for (const MethodInfo& method : list_methods()) line(method.name, method.summary);
}

void list_tasks() {
  std::cout << "tasks:\n";
  for (const std::string& name : task_names()) {
    const TaskPtr task = make_task(name);
    const TaskInfo& info = task->info();
    line(name, cat(info.protocol, ", ", info.dataset, " ", info.split,
                   info.num_fewshot > 0 ? cat(", ", info.num_fewshot, "-shot") : ""));
  }
  for (const std::string& name : group_names())
    line(name, cat("a group of ", make_tasks(name).tasks.size(), " tasks"));
}

void list_models_() {
  std::cout << "models:\n";
  for (const ModelEntry& model : list_models())
    line(model.name, cat(model.description, cached_file(model.file).empty() ? "" : " (in the cache)"));
}

void list_datasets_() {
  std::cout << "datasets:\n";
  for (const DatasetInfo& data : list_datasets())
    line(data.name, cat(data.description, " [", data.licence, "]", data.available ? " (here)" : ""));
}

void list_backends() {
  std::cout << "backends:\n";
  line("cpu", cat("this machine: ", isa_name(best_isa())));
  line("cuda", "not in this build");
}

// The dataset of that name, or every part of it: "bbh" is bbh/navigate and the others.
std::vector<std::string> datasets_named(const std::string& name) {
  std::vector<std::string> named;
  for (const DatasetInfo& data : list_datasets())
    if (data.name == name || data.name.starts_with(name + "/")) named.push_back(data.name);
  return named;
}

}  // namespace

int list_verb(const std::string& what) {
  const std::vector<std::pair<std::string, void (*)()>> lists = {{"methods", list_methods_},
                                                                 {"tasks", list_tasks},
                                                                 {"models", list_models_},
                                                                 {"datasets", list_datasets_},
                                                                 {"backends", list_backends}};
  std::vector<std::string> names;
  for (const auto& [name, print] : lists) {
    names.push_back(name);
    if (what.empty() || what == name) print();
  }
  if (!what.empty() && std::ranges::find(names, what) == names.end())
    fail(cat("list: expected one of ", join(names, ", "), ", got '", what, "'", did_you_mean(what, names)));
  return 0;
}

int fetch_verb(const std::vector<std::string>& names, bool offline) {
  watch_interrupts();
  std::vector<std::string> models, known;
  for (const ModelEntry& model : list_models()) models.push_back(model.name);
  for (const DatasetInfo& data : list_datasets()) known.push_back(data.name);
  known.insert(known.end(), models.begin(), models.end());
  for (const std::string& name : names) {
    if (std::ranges::find(models, name) != models.end()) {
      std::cout << resolve_model(name, offline) << '\n';
      continue;
    }
    const std::vector<std::string> datasets = datasets_named(name);
    if (datasets.empty()) fail(cat("fetch: no model or dataset '", name, "'", did_you_mean(name, known)));
    for (const std::string& dataset : datasets) fetch_dataset(dataset, offline);
  }
  return 0;
}

int report_verb(const std::string& run_folder, const std::string& format) {
  const std::string path = run_folder + "/record.json";
  const RunResult result = run_result_from_json(read_text(path), path);
  const std::vector<std::string> formats = {"table", "md", "csv", "json", "svg"};
  if (format == "table") std::cout << report_table(result, false);
  else if (format == "md") std::cout << report_markdown(result);
  else if (format == "csv") std::cout << report_csv(result);
  else if (format == "json") std::cout << report_json(result) << '\n';
  else if (format == "svg") std::cout << roofline_svg(result);
  else fail(cat("--format: expected one of ", join(formats, ", "), ", got '", format, "'", did_you_mean(format, formats)));
  return 0;
}

int compare_verb(const CompareArguments& arguments) {
  Progress::set_enabled(false);  // answers are read, not computed: no wait that lines on it would shorten
  const RunComparison comparison = compare_runs(arguments.a, arguments.b, arguments.variant);
  if (arguments.format == "csv") std::cout << run_comparison_csv(comparison);
  else if (arguments.format == "json") std::cout << run_comparison_json(comparison);
  else std::cout << run_comparison_markdown(comparison);
  return 0;
}

}  // namespace evalharness
