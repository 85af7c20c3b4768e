#include "tasks/task_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/python_source.h"

namespace evalharness {
namespace {

// " (did you mean 'dir/piqa.yaml'?)", of the files in the same folder.
std::string nearest_file(const std::filesystem::path& path) {
  std::error_code none;
  std::vector<std::string> names;
  const std::filesystem::path folder = path.parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder.empty() ? "." : folder, none))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  const std::string nearest = nearest_name(path.filename().string(), names);
  return nearest.empty() ? "" : cat(" (did you mean '", (folder / nearest).string(), "'?)");
}

std::string read_text(const std::string& path, const std::string& asked_by) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path))
    fail(cat(asked_by, asked_by.empty() ? "" : ": include: ", "cannot read '", path, "'", nearest_file(path)));
  return {std::istreambuf_iterator<char>(file), {}};
}

const char* const kPythonTag = "!function";

void refuse_python(const ConfigNode& node, const std::string& task) {
  for (const ConfigNode& function : node.tagged(kPythonTag))
    function.fail(cat("needs Python (", kPythonTag, " ", function.as_string(), "), which is not run here; ", instead_of(function, task)));
}

// "metric_list.aggregation" of "metric_list[0].aggregation".
std::string without_indices(const std::string& key) {
  std::string bare;
  bool inside = false;
  for (const char c : key) {
    inside |= c == '[';
    if (!inside) bare += c;
    inside &= c != ']';
  }
  return bare;
}

}  // namespace

TaskFile TaskFile::parse(const std::string& yaml, const std::string& name) {
  TaskFile file;
  file.name_ = file.path_ = name;
  file.add(yaml, name, name);
  return file;
}

TaskFile TaskFile::load(const std::string& path, const std::string& name) {
  TaskFile file;
  file.name_ = name;
  file.path_ = path;
  file.add(read_text(path, ""), path, name);
  return file;
}

TaskFile TaskFile::inside(const TaskFile& file, const ConfigNode& map) {
  TaskFile made;
  made.name_ = file.name_;
  made.path_ = file.path_;
  made.texts_ = cat(file.texts_, map.where(), "\n");
  made.add(map, file.path_, file.name_);
  return made;
}

void TaskFile::override_by(const TaskFile& stronger,
                           const std::set<std::string, std::less<>>& hidden) {
  std::vector<Override> above = stronger.overrides_;
  for (const ConfigNode& file : stronger.files_) above.push_back({file, hidden});
  overrides_.insert(overrides_.begin(), above.begin(), above.end());
  texts_ += stronger.texts_;
}

void TaskFile::add(const std::string& yaml, const std::string& path, const std::string& name) {
  texts_ += yaml;
  add(ConfigNode::parse(yaml, name, DuplicateKeys::kLastWins), path, name);
}

void TaskFile::add(const ConfigNode& root, const std::string& path, const std::string& name) {
  if (!root.is_map()) root.fail("expected a map");
  files_.push_back(root);
  const std::optional<ConfigNode> include = root.find("include");
  if (!include) return;
  paths_.push_back(path);
  std::vector<ConfigNode> includes = include->is_list() ? include->items() : std::vector{*include};
  std::reverse(includes.begin(), includes.end());  // the last one is the strongest
  for (const ConfigNode& node : includes) {
    const std::filesystem::path wanted = node.as_string();
    const std::string target = (std::filesystem::path(path).parent_path() / wanted).string();
    if (std::find(paths_.begin(), paths_.end(), target) != paths_.end())
      node.fail("includes itself");
    const std::string target_name = (std::filesystem::path(name).parent_path() / wanted).string();
    add(read_text(target, node.where()), target, target_name);
  }
  paths_.pop_back();
}

std::optional<ConfigNode> TaskFile::find(std::string_view key) const {
  const std::optional<ConfigNode> strongest = find_any(key);
  if (!strongest || strongest->is_null()) return std::nullopt;
  if (!strongest->tagged(kPythonTag).empty()) {
    const std::optional<ConfigNode> task = find_any("task");
    refuse_python(*strongest, task && task->is_scalar() ? task->as_string() : "");
  }
  return strongest;
}

bool TaskFile::has(std::string_view key) const {
  const std::optional<ConfigNode> node = find_any(key);
  return node && !node->is_null();
}

bool TaskFile::is_group() const {
  const std::optional<ConfigNode> node = find_any("task");
  return has("group") || (node && node->is_list());
}

std::optional<ConfigNode> TaskFile::find_any(std::string_view key) const {
  std::optional<ConfigNode> strongest;
  const auto look_in = [&](const ConfigNode& file) {
    const std::optional<ConfigNode> found = file.find(key);
    if (found && strongest)
      found->to_value();  // overridden: read, so that it is not taken for unknown
    else if (found)
      strongest = found;
  };
  for (const Override& above : overrides_)
    if (!above.hidden.contains(key)) look_in(above.file);
  for (const ConfigNode& file : files_) look_in(file);
  return strongest;
}

std::string TaskFile::get(std::string_view key, const std::string& fallback) const {
  const std::optional<ConfigNode> node = find(key);
  return node ? node->as_string() : fallback;
}

void TaskFile::refuse(std::string_view key, const std::string& reason) const {
  if (const std::optional<ConfigNode> node = find(key)) node->fail(reason);
}

void TaskFile::ignore(std::string_view key) const {
  if (const std::optional<ConfigNode> node = find_any(key)) node->to_value();
}

void TaskFile::fail_at(std::string_view key, const std::string& text) const {
  if (const std::optional<ConfigNode> node = find(key)) node->fail(text);
  files_.front().fail_at(key, text);
}

std::map<std::string, ConfigNode> TaskFile::python_fields() const {
  std::set<std::string> stronger;  // keys of the files before
  std::map<std::string, ConfigNode> fields;
  for (const ConfigNode& file : files_) {
    for (const ConfigNode& function : file.tagged(kPythonTag)) {
      const std::string name = without_indices(function.key());
      if (!stronger.contains(name.substr(0, name.find('.')))) fields.emplace(name, function);
    }
    const std::vector<std::string> own = file.keys();
    stronger.insert(own.begin(), own.end());
  }
  return fields;
}

void TaskFile::reject_unread() const {
  for (const ConfigNode& file : files_) file.reject_unread();
}

std::string TaskFile::hash() const { return sha256_hex(texts_); }

}  // namespace evalharness
