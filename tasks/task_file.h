// A task file with the files it includes: keys of the including file win, then those of later
// includes.
#pragma once

#include <map>
#include <optional>
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

  // The value of a key; nothing where it is missing or null. Declares the key in every file. Fails
  // on a value that is a Python function: "needs Python (!function utils.f), which is not run
  // here".
  std::optional<ConfigNode> find(std::string_view key) const;
  // True where the key has a value, be it a Python function.
  bool has(std::string_view key) const;
  // True of a file whose `task` is a list: a group or a tag of other tasks.
  bool names_tasks() const;
  std::string get(std::string_view key, const std::string& fallback) const;
  // Fails where the key is there: "<place>: <key>: <reason>".
  void refuse(std::string_view key, const std::string& reason) const;
  // "process_docs", "metric_list.aggregation": where the strongest values are Python functions. Reads
  // every key.
  std::map<std::string, ConfigNode> python_fields() const;
  // Reads a key that has no bearing here.
  void ignore(std::string_view key) const;

  [[noreturn]] void fail(const std::string& text) const { files_.front().fail(text); }
  [[noreturn]] void fail_at(std::string_view key, const std::string& text) const;
  void reject_unread() const;

  const std::string& name() const { return name_; }
  std::string hash() const;  // sha256 of all the files' texts

 private:
  std::optional<ConfigNode> find_any(std::string_view key) const;
  void add(const std::string& yaml, const std::string& path, const std::string& name);

  std::string name_;
  std::string texts_;
  std::vector<std::string> paths_;  // on the way from the first file, to notice a circle
  std::vector<ConfigNode> files_;   // the strongest first
};

}  // namespace evalharness
