// The tree behind ConfigNode: a YAML document with the place of every value, and what was read of
// it. Only config_node.cpp and config_tree.cpp include this.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/config_node.h"
#include "harness/base/value.h"

namespace evalharness {

struct ConfigTree {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;  // of a scalar
  bool quoted = false;
  std::string tag;
  std::string where;  // "runs/a.yaml:7:13"
  std::string key;    // "methods[0].sparsity"
  std::vector<std::pair<std::string, std::shared_ptr<ConfigTree>>> children;  // of a map
  std::vector<std::shared_ptr<ConfigTree>> items;                             // of a list

  // Notes of the readers.
  bool read = false;                  // handed out by its map
  std::vector<std::string> declared;  // keys that were asked for
  std::optional<Value> value;         // a scalar in the type that it was read as
  Value defaults = Value::Map();      // of keys that were asked for and missing

  ConfigTree* child(std::string_view name) const;
  // What this is, for "got ...": "1.5", "'abc'", "null", "a map".
  std::string shown() const;
};

std::string child_key(const std::string& parent, std::string_view name);  // "a.b"
std::string item_key(const std::string& parent, size_t index);            // "a[2]"

// Fails with the place where the text is not YAML, or not YAML that a config may hold.
std::shared_ptr<ConfigTree> parse_config_tree(const std::string& text, const std::string& file_name,
                                              DuplicateKeys duplicates);
// The same for a value without a file: every place in it reads `where`, and its key is `key`.
std::shared_ptr<ConfigTree> parse_config_value(const std::string& text, const std::string& where,
                                               const std::string& key);
// Sets "a.b[0].c" in the tree; `where` is the place of the new value in errors.
void set_in_config_tree(ConfigTree& root, const std::string& path, const std::string& yaml_value);

}  // namespace evalharness
