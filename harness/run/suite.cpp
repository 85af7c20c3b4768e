#include "harness/run/suite.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "harness/base/error.h"
#include "harness/base/interrupt.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/math/isa.h"
#include "harness/measure/machine.h"
#include "harness/model/synthetic.h"
#include "harness/run/evaluate.h"
#include "harness/run/model_list.h"
#include "harness/run/run.h"

namespace evalharness {
namespace {

constexpr size_t kKeyDigits = 12;

void check_folder_name(const std::string& name, const ConfigNode& cell) {
  if (name.empty() || name[0] == '.' || name.find_first_of("/\\ ") != std::string::npos)
    cell.fail(cat("expected a name that a folder can have, without spaces, got '", name, "'"));
}

std::string hash_of_model(const std::string& model, bool offline) {
  const std::string path = resolve_model(model, offline);
  return is_synthetic(path) ? path : model_hash(path);
}

// What cells are made of beside their configs: each looked at once for all cells.
class Ingredients {
 public:
  explicit Ingredients(bool offline) : options_{.offline = offline, .allow_sample = true} {}

  std::string key_of(const RunConfig& cell) {
    Value key, tasks{Value::Map{}};
    key.set("config", cell.resolved);
    key.set("model", once("model " + cell.model, [&] { return hash_of_model(cell.model, options_.offline); }));
    key.set("program", program_hash());
    key.set("isa", isa_name(best_isa()));
    for (const RunTask& task : cell.tasks)
      tasks.set(task.name, once(cat("task ", task.name, " ", task.task->info().source_hash, " ", task.limit.text()), [&] {
                  const TaskData data = prepare_task(task, options_, kAnyContext);
                  return data.data.sha256 + data.prompts_hash;
                }));
    key.set("tasks", std::move(tasks));
    if (std::ranges::any_of(cell.methods, [](const MethodPtr& method) { return method->needs_calibration(); }))
      key.set("calibration", once("calibration " + cell.calibration.dataset, [&] {
                return load_dataset(cell.calibration.dataset, "train", options_).sha256;
              }));
    return sha256_hex(to_json(key)).substr(0, kKeyDigits);
  }

 private:
  std::string once(const std::string& what, const std::function<std::string()>& hash) {
    const auto found = hashes_.find(what);
    return found != hashes_.end() ? found->second : hashes_[what] = hash();
  }

  DataOptions options_;
  std::map<std::string, std::string> hashes_;
};

// The record of a run that ended, or one that says that there is none.
RunResult earlier_record(const std::string& folder) {
  const std::string path = folder + "/record.json";
  return std::filesystem::exists(path) ? run_result_from_json(read_text(path), path) : RunResult{};
}

RunResult run_or_failure(const RunConfig& cell, const RunOptions& options) {
  try {
    return run(cell, options);
  } catch (const Error& error) {  // of this cell: the others are not to blame
    RunResult failed;
    failed.name = cell.name;
    failed.config = cell.resolved;
    failed.context = Value(Value::Map{});
    failed.status = cat("failed: ", error.what());
    std::filesystem::create_directories(options.folder);
    write_text(options.folder + "/record.json", to_json(failed));
    return failed;
  }
}

}  // namespace

bool is_finished(const RunResult& record) { return record.status == "ok" || record.status == "diverged"; }

Suite read_suite(const std::string& path, const RunOverrides& overrides) {
  const ConfigNode root = ConfigNode::load(path);
  const ConfigNode base = root.at("base");
  Suite suite;
  suite.name = std::filesystem::path(path).stem().string();
  const ConfigNode cells = root.at("cells");
  for (const std::string& name : cells.keys()) {
    const ConfigNode cell = cells.at(name);
    check_folder_name(name, cell);
    suite.cells.push_back(read_run_config(base.overlaid(cell), name, overrides));
  }
  if (suite.cells.empty()) cells.fail("expected at least one cell");
  base.to_value();  // a key that every cell or --set replaces is no mistake; what a cell takes was checked with it
  root.reject_unread();
  return suite;
}

std::vector<SweptCell> sweep(const Suite& suite, const SweepOptions& options,
                             const std::function<void(const SweptCell& cell)>& on_cell) {
  Ingredients ingredients(options.offline);
  std::vector<std::string> folders;  // before any runs: a model or data that is not there is said now
  for (const RunConfig& cell : suite.cells) folders.push_back(cat(options.folder, "/", cell.name, "-", ingredients.key_of(cell)));
  std::vector<SweptCell> done;
  for (const RunConfig& cell : suite.cells) {
    stop_if_interrupted();
    SweptCell swept;
    swept.folder = folders[done.size()];
    swept.record = earlier_record(swept.folder);
    swept.reused = is_finished(swept.record);
    if (!swept.reused)
      swept.record = run_or_failure(
          cell, {.folder = swept.folder, .offline = options.offline, .answers = options.answers});
    if (swept.record.status == "interrupted") throw Interrupted();
    on_cell(swept);
    done.push_back(std::move(swept));
  }
  return done;
}

}  // namespace evalharness
