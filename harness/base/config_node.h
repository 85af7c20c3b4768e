// A YAML file with the place of every value, read once and checked.
//
// Each key is declared by reading it: reject_unread() then turns every key that nobody asked for
// into an error with its place and the nearest known name. Defaults stand at the read, and come
// back in resolved(). Copies share state: a key read through one copy is read for all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/value.h"

namespace evalharness {

struct ConfigTree;

// What a key that a map has twice is: a mistake, or, as PyYAML reads files that others wrote, the
// last of its values.
enum class DuplicateKeys { kRefused, kLastWins };

class ConfigNode {
 public:
  // An empty document is an empty map. YAML syntax errors fail with their place.
  static ConfigNode parse(const std::string& text, const std::string& file_name,
                          DuplicateKeys duplicates = DuplicateKeys::kRefused);
  static ConfigNode load(const std::string& path);

  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;
  bool is_null() const;
  std::string where() const;  // "runs/a.yaml:7:13"
  std::string place() const;  // "runs/a.yaml:7:13: methods[0].sparsity", what errors begin with
  std::string key() const;    // path from the root: "methods[0].sparsity"; "" at the root
  std::string tag() const;    // "!function" and the like, "" if none
  bool is_quoted() const;     // a scalar in quotes is always a string
  // This node and all below it that carry a tag, in order; counts as reading nothing.
  std::vector<ConfigNode> tagged(std::string_view tag) const;

  // Children of a map. at() fails if the key is missing: "a.yaml:1:1: missing key 'model'".
  bool has(std::string_view key) const;  // counts as declaring the key, not as reading its value
  ConfigNode at(std::string_view key) const;
  std::optional<ConfigNode> find(std::string_view key) const;
  std::vector<std::string> keys() const;  // in the file's order
  std::vector<ConfigNode> items() const;  // of a list, in order; fails on anything else

  // This scalar as a type; fails with "expected a number, got 'abc'". YAML 1.2 booleans
  // (true/false).
  std::string as_string() const;
  double as_number() const;
  int64_t as_integer() const;
  size_t as_count() const;  // integer >= 0
  bool as_bool() const;

  // Child or default; the default is recorded for resolved().
  std::string get(std::string_view key, const char* fallback) const;
  std::string get(std::string_view key, const std::string& fallback) const;
  double get(std::string_view key, double fallback) const;
  int64_t get(std::string_view key, int fallback) const;
  int64_t get(std::string_view key, int64_t fallback) const;
  size_t get(std::string_view key, size_t fallback) const;
  bool get(std::string_view key, bool fallback) const;
  // A string that must be one of `allowed`: "expected one of uniform, owl, got 'unifrm' (did you
  // mean 'uniform'?)".
  std::string get_one_of(std::string_view key, const std::vector<std::string>& allowed,
                         const std::string& fallback) const;

  // "a.yaml:7:13: methods[0].sparsity: <text>". At the root the key part is left out.
  [[noreturn]] void fail(const std::string& text) const;
  // Same, for a child that may be missing: names "<key>.<child>" and the child's place if it has
  // one.
  [[noreturn]] void fail_at(std::string_view child, const std::string& text) const;

  // Every key of this map and of all maps below that was never read fails: "unknown key (did you
  // mean 'sparsity'?)".
  void reject_unread() const;

  // All that was read, with the defaults that were used, in order of the file then of reading.
  Value resolved() const;
  // The whole node as a value, whether read or not (marks it all read). `yaml_1_1`: scalars as
  // PyYAML resolves them (yes/no/on/off are booleans; 010 is 8, 1_000 is 1000, 1:30 is 90; 1e5 is a
  // string). What is not finite stays text, since records are JSON.
  Value to_value(bool yaml_1_1 = false) const;

  // This map with the keys of `over` in the place of its own or behind them, as a root of its own. Values and
  // their places are shared with both: what is read through the result is read in them.
  ConfigNode overlaid(const ConfigNode& over) const;

  // Sets "calibration.samples" = "32" (the value is parsed as YAML); used by --set. Places of such
  // values read "--set calibration.samples". Intermediate maps are made; list items as
  // "compress[0].sparsity".
  void set(const std::string& path, const std::string& yaml_value);

 private:
  explicit ConfigNode(std::shared_ptr<ConfigTree> tree);
  void expect_map() const;
  const ConfigTree* child(std::string_view key) const;
  void record_default(std::string_view key, Value value) const;

  std::shared_ptr<ConfigTree> tree_;  // shared: what is read through one copy is read for all
};

}  // namespace evalharness
