// Which file of some folders is which task or group, and which tasks carry which tag. A folder is read
// when the ones before it do not hold what is asked for.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace evalharness {

class TaskIndex {
 public:
  struct Entry {
    std::string path;
    std::string shown;  // in errors
    bool is_group = false;
  };

  // Every .yaml file in the folder and below it, in order of their paths. One that is neither task
  // nor group, or cannot be read, is left out; of two with one name the first counts, over all
  // folders.
  void add(const std::string& folder, const std::string& shown_folder);

  const Entry* find(const std::string& name);  // null where there is none; valid while this lives
  // Names of the tasks that carry a tag, sorted; empty where none does.
  std::vector<std::string> tagged(const std::string& tag);
  std::vector<std::string> names();  // of tasks, groups and tags

 private:
  bool read_next();  // false where every folder has been read

  std::vector<std::pair<std::string, std::string>> folders_;
  size_t read_ = 0;  // of folders_
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::set<std::string>> tags_;
};

}  // namespace evalharness
