// A task file with the files it includes: keys of the including file win, then those of later
// includes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/config_node.h"

namespace evalharness {

class TaskFile {
 public:
  // `name` stands in errors and is the place that includes are relative to.
  static TaskFile parse(const std::string& yaml, const std::string& name);
  static TaskFile load(const std::string& path, const std::string& name);
  // A map inside another file, as if it were a file beside that one.
  static TaskFile inside(const TaskFile& file, const ConfigNode& map);

  // Puts the keys of another file, but the hidden ones, in the place of this one's. What is unread in
  // it is not this one's to reject.
  void override_by(const TaskFile& stronger, const std::set<std::string, std::less<>>& hidden);

  // The value of a key; nothing where it is missing or null. Declares the key in every file. Fails
  // on a value that is a Python function: "needs Python (!function utils.f), which is not run
  // here; <what can be done without>".
  std::optional<ConfigNode> find(std::string_view key) const;
  // True where the key has a value, be it a Python function.
  bool has(std::string_view key) const;
  // True of a file that gathers other tasks: one with a `group`, or whose `task` is a list.
  bool is_group() const;
  std::string get(std::string_view key, const std::string& fallback) const;
  // Fails where the key is there: "<place>: <key>: <reason>".
  void refuse(std::string_view key, const std::string& reason) const;
  // "process_docs", "metric_list.aggregation": where the strongest values are Python functions.
  std::map<std::string, ConfigNode> python_fields() const;
  // Reads a key that has no bearing here.
  void ignore(std::string_view key) const;

  [[noreturn]] void fail(const std::string& text) const { files_.front().fail(text); }
  [[noreturn]] void fail_at(std::string_view key, const std::string& text) const;
  void reject_unread() const;

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }
  std::string hash() const;  // sha256 of all the files' texts

 private:
  struct Override {
    ConfigNode file;
    std::set<std::string, std::less<>> hidden;
  };

  std::optional<ConfigNode> find_any(std::string_view key) const;
  void add(const std::string& yaml, const std::string& path, const std::string& name);
  void add(const ConfigNode& root, const std::string& path, const std::string& name);

  std::string name_, path_;
  std::string texts_;
  std::vector<std::string> paths_;    // on the way from the first file, to notice a circle
  std::vector<Override> overrides_;   // the strongest first
  std::vector<ConfigNode> files_;     // the strongest first
};

}  // namespace evalharness
