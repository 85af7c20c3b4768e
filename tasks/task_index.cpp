#include "tasks/task_index.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/task_file.h"
#include "tasks/task_sections.h"

namespace evalharness {
namespace {

namespace fs = std::filesystem;

struct Identity {
  std::string name;
  bool is_group = false;
  std::vector<std::string> tags;
};

std::optional<Identity> identity_of(const TaskFile& file) {
  const bool is_group = file.is_group();
  const std::optional<ConfigNode> name = file.find(is_group ? "group" : "task");
  if (!name) return std::nullopt;
  return Identity{name->as_string(), is_group, is_group ? std::vector<std::string>{} : tags_of(file)};
}

}  // namespace

void TaskIndex::add(const std::string& folder, const std::string& shown_folder) {
  folders_.emplace_back(folder, shown_folder);
}

bool TaskIndex::read_next() {
  if (read_ == folders_.size()) return false;
  const auto& [folder, shown_folder] = folders_[read_++];
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == ".yaml") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    const std::string shown = (fs::path(shown_folder) / fs::relative(path, folder)).string();
    try {
      const std::optional<Identity> identity = identity_of(TaskFile::load(path.string(), shown));
      if (!identity) continue;
      if (!entries_.emplace(identity->name, Entry{path.string(), shown, identity->is_group}).second)
        continue;
      for (const std::string& tag : identity->tags) tags_[tag].insert(identity->name);
    } catch (const Error&) {  // of a neighbour that nobody asked for
    }
  }
  return true;
}

const TaskIndex::Entry* TaskIndex::find(const std::string& name) {
  do {
    if (const auto found = entries_.find(name); found != entries_.end()) return &found->second;
  } while (read_next());
  return nullptr;
}

std::vector<std::string> TaskIndex::tagged(const std::string& tag) {
  do {
    if (const auto found = tags_.find(tag); found != tags_.end())
      return {found->second.begin(), found->second.end()};
  } while (read_next());
  return {};
}

std::vector<std::string> TaskIndex::names() {
  while (read_next()) {
  }
  std::vector<std::string> names = keys_of(entries_);
  const std::vector<std::string> tags = keys_of(tags_);
  names.insert(names.end(), tags.begin(), tags.end());
  return names;
}

}  // namespace evalharness
