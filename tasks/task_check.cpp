#include "tasks/task_check.h"

#include <algorithm>
#include <filesystem>

#include "datasets/dataset.h"
#include "harness/base/error.h"
#include "harness/base/parallel.h"
#include "harness/base/progress.h"
#include "harness/base/text.h"
#include "tasks/python_source.h"
#include "tasks/sample_row.h"
#include "tasks/task_config.h"
#include "tasks/task_file.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;
using Status = CheckedFile::Status;

// Fields of tasks that are no text. Code written by a model is not run here either.
std::string other_than_text(const TaskFile& file) {
  for (const char* key : {"doc_to_image", "doc_to_audio", "unsafe_code", "use_prompt"})
    if (const std::optional<ConfigNode> node = file.find(key);
        node && node->to_value(/*yaml_1_1=*/true) != Value(false))
      return cat(node->where(), ": ", key);
  return "";
}

Value as_value(const Request& request) {
  if (const auto* pair = std::get_if<LogLikelihood>(&request))
    return Value::Map{{"context", Value(pair->context)}, {"target", Value(pair->target)}};
  if (const auto* rolling = std::get_if<Rolling>(&request)) return Value::Map{{"text", Value(rolling->text)}};
  const Generate& generate = std::get<Generate>(request);
  Value until = Value::List{};
  for (const std::string& stop : generate.until) until.push(stop);
  return Value::Map{{"context", Value(generate.context)}, {"until", std::move(until)}, {"max_gen_toks", Value(generate.max_tokens)}};
}

void check_task(const TaskFile& file, CheckedFile& checked) {
  const std::map<std::string, ConfigNode> python = file.python_fields();
  for (const auto& entry : python) checked.python.insert(entry.first);
  if (!python.empty()) {
    checked.status = Status::kNeedsPython;
    if (python.size() == 1 && python.begin()->first == "process_docs")
      checked.instead = transforms_for(python.begin()->second);
    return;
  }
  checked.reason = other_than_text(file);
  if (!checked.reason.empty()) {
    checked.status = Status::kNotText;
    return;
  }
  const TaskConfig config = read_task_config(file);
  if (config.kind != TaskConfig::Kind::kPerplexity) {
    checked.status = Status::kNotRendered;
    SampleRow sample = try_sample_row(config);
    checked.reason = std::move(sample.error);
    if (!checked.reason.empty()) return;
    checked.row = std::move(sample.row);
    checked.requests = Value::List{};
    for (const Request& request : sample.requests) checked.requests.push(as_value(request));
  }
  checked.status = Status::kNoDataset;
  info_of(config);
  checked.status = Status::kRuns;
}

std::vector<std::string> task_paths(const std::string& root) {
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file() && entry.path().extension() == ".yaml")
      paths.push_back(fs::relative(entry.path(), root).string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

CheckedFile check_task_file(const std::string& root, const std::string& path) {
  CheckedFile checked;
  checked.path = path;
  const std::string first = fs::path(path).begin()->string();
  checked.family = first == path ? "." : first;
  try {
    const std::string place = (fs::path(root) / path).string();
    const TaskFile file = TaskFile::load(place, place);
    if (file.is_group())
      checked.status = Status::kGroup;
    else if (!file.has("task") && !file.has("class"))
      checked.status = Status::kTemplate;
    else
      check_task(file, checked);
  } catch (const Error& error) {
    checked.reason = error.what();
  }
  return checked;
}

std::vector<CheckedFile> check_task_files(const std::string& root) {
  if (!fs::is_directory(root)) fail(cat(root, ": expected a folder of task files"));
  const std::vector<std::string> paths = task_paths(root);
  if (paths.empty()) fail(cat(root, ": no .yaml file is in it"));
  std::vector<CheckedFile> files(paths.size());
  constexpr size_t kAtOnce = 256;  // between two lines of progress
  Progress progress("checking task files", paths.size());
  for (size_t first = 0; first < paths.size(); first += kAtOnce) {
    const size_t count = std::min(kAtOnce, paths.size() - first);
    parallel_for(count, [&](size_t i) { files[first + i] = check_task_file(root, paths[first + i]); });
    progress.advance(count);
  }
  return files;
}

bool all_understood(const std::vector<CheckedFile>& files) {
  return std::none_of(files.begin(), files.end(), [](const CheckedFile& file) {
    return file.status == Status::kFails || file.status == Status::kNotRendered;
  });
}

}  // namespace evalharness
