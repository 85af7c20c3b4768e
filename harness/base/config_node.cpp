#include "harness/base/config_node.h"

#include <algorithm>
#include <cmath>

#include "harness/base/config_tree.h"
#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/base/yaml_scalar.h"

namespace evalharness {
namespace {

using Kind = ConfigTree::Kind;

std::string place_of(const std::string& where, const std::string& key) {
  return key.empty() ? where : cat(where, ": ", key);
}

[[noreturn]] void fail_here(const std::string& where, const std::string& key,
                            const std::string& text) {
  fail(cat(place_of(where, key), ": ", text));
}

[[noreturn]] void fail_expected(const ConfigTree& tree, const std::string& expected) {
  fail_here(tree.where, tree.key, cat("expected ", expected, ", got ", tree.shown()));
}

void declare(ConfigTree& map, std::string_view key) {
  const auto at = std::find(map.declared.begin(), map.declared.end(), key);
  if (at == map.declared.end()) map.declared.emplace_back(key);
}

bool is_declared(const ConfigTree& map, const std::string& key) {
  return std::find(map.declared.begin(), map.declared.end(), key) != map.declared.end();
}

[[noreturn]] void fail_unread(const ConfigTree& map, const std::string& key,
                              const ConfigTree& child) {
  if (is_declared(map, key)) fail_here(child.where, child.key, "this key has no effect here");
  fail_here(child.where, child.key, cat("unknown key", did_you_mean(key, map.declared)));
}

void reject_unread_below(const ConfigTree& tree) {
  for (const auto& [key, child] : tree.children) {
    if (!child->read) fail_unread(tree, key, *child);
    reject_unread_below(*child);
  }
  for (const auto& item : tree.items) reject_unread_below(*item);
}

// A plain scalar without a tag; others are strings.
bool is_plain(const ConfigTree& tree) {
  return tree.kind == Kind::kScalar && !tree.quoted && tree.tag.empty();
}

Value scalar_value(const ConfigTree& tree, bool yaml_1_1) {
  if (!is_plain(tree)) return tree.text;
  return yaml_1_1 ? yaml_1_1_value(tree.text) : yaml_1_2_value(tree.text);
}

Value resolved_below(const ConfigTree& tree) {
  if (tree.kind == Kind::kNull && tree.defaults.map().empty()) return Value();
  if (tree.kind == Kind::kScalar) return tree.value ? *tree.value : scalar_value(tree, false);
  if (tree.kind == Kind::kList) {
    Value::List list;
    for (const auto& item : tree.items) list.push_back(resolved_below(*item));
    return list;
  }
  Value::Map map;
  for (const auto& [key, child] : tree.children)
    if (child->read) map.emplace_back(key, resolved_below(*child));
  for (const auto& [key, value] : tree.defaults.map()) map.emplace_back(key, value);
  return map;
}

Value whole_value(ConfigTree& tree, bool yaml_1_1) {
  if (tree.kind == Kind::kNull) return Value();
  if (tree.kind == Kind::kScalar) {
    if (!tree.value) tree.value = scalar_value(tree, yaml_1_1);
    return scalar_value(tree, yaml_1_1);
  }
  if (tree.kind == Kind::kList) {
    Value::List list;
    for (const auto& item : tree.items) list.push_back(whole_value(*item, yaml_1_1));
    return list;
  }
  Value::Map map;
  for (const auto& [key, child] : tree.children) {
    child->read = true;
    map.emplace_back(key, whole_value(*child, yaml_1_1));
  }
  return map;
}

}  // namespace

ConfigNode::ConfigNode(std::shared_ptr<ConfigTree> tree) : tree_(std::move(tree)) {}

ConfigNode ConfigNode::parse(const std::string& text, const std::string& file_name,
                             DuplicateKeys duplicates) {
  return ConfigNode(parse_config_tree(text, file_name, duplicates));
}

ConfigNode ConfigNode::load(const std::string& path) { return parse(read_text(path), path); }

bool ConfigNode::is_map() const { return tree_->kind == Kind::kMap; }
bool ConfigNode::is_list() const { return tree_->kind == Kind::kList; }
bool ConfigNode::is_scalar() const { return tree_->kind == Kind::kScalar; }
bool ConfigNode::is_null() const { return tree_->kind == Kind::kNull; }
std::string ConfigNode::where() const { return tree_->where; }
std::string ConfigNode::place() const { return place_of(tree_->where, tree_->key); }
std::string ConfigNode::key() const { return tree_->key; }
std::string ConfigNode::tag() const { return tree_->tag; }
bool ConfigNode::is_quoted() const { return tree_->quoted; }

std::vector<ConfigNode> ConfigNode::tagged(std::string_view tag) const {
  std::vector<ConfigNode> found;
  if (tree_->tag == tag) found.push_back(*this);
  const auto add_below = [&](const std::shared_ptr<ConfigTree>& child) {
    const std::vector<ConfigNode> below = ConfigNode(child).tagged(tag);
    found.insert(found.end(), below.begin(), below.end());
  };
  for (const auto& item : tree_->items) add_below(item);
  for (const auto& [key, child] : tree_->children) add_below(child);
  return found;
}

void ConfigNode::expect_map() const {
  if (!is_map()) fail_expected(*tree_, "a map");
}

const ConfigTree* ConfigNode::child(std::string_view key) const {
  expect_map();
  declare(*tree_, key);
  return tree_->child(key);
}

bool ConfigNode::has(std::string_view key) const { return child(key) != nullptr; }

std::optional<ConfigNode> ConfigNode::find(std::string_view key) const {
  expect_map();
  declare(*tree_, key);
  for (const auto& [name, child] : tree_->children) {
    if (name != key) continue;
    child->read = true;
    return ConfigNode(child);
  }
  return std::nullopt;
}

ConfigNode ConfigNode::at(std::string_view key) const {
  if (auto found = find(key)) return *found;
  std::vector<std::string> unread;
  for (const auto& [name, child] : tree_->children)
    if (!child->read) unread.push_back(name);
  const std::string near = nearest_name(key, unread);
  fail(cat("missing key '", key, "'", near.empty() ? "" : cat(" (there is '", near, "')")));
}

std::vector<std::string> ConfigNode::keys() const {
  expect_map();
  std::vector<std::string> names;
  for (const auto& [name, child] : tree_->children) names.push_back(name);
  return names;
}

std::vector<ConfigNode> ConfigNode::items() const {
  if (!is_list()) fail_expected(*tree_, "a list");
  std::vector<ConfigNode> nodes;
  for (const auto& item : tree_->items) nodes.push_back(ConfigNode(item));
  return nodes;
}

std::string ConfigNode::as_string() const {
  if (!is_scalar()) fail_expected(*tree_, "a string");
  tree_->value = tree_->text;
  return tree_->text;
}

double ConfigNode::as_number() const {
  const auto value = is_plain(*tree_) ? yaml_number(tree_->text) : std::nullopt;
  if (!value) fail_expected(*tree_, "a number");
  tree_->value = std::isfinite(*value) ? Value(*value) : Value(tree_->text);  // records are JSON
  return *value;
}

int64_t ConfigNode::as_integer() const {
  const auto value = is_plain(*tree_) ? yaml_integer(tree_->text) : std::nullopt;
  if (!value) fail_expected(*tree_, "an integer");
  tree_->value = *value;
  return *value;
}

size_t ConfigNode::as_count() const {
  const auto value = is_plain(*tree_) ? yaml_integer(tree_->text) : std::nullopt;
  if (!value || *value < 0) fail_expected(*tree_, "an integer >= 0");
  tree_->value = *value;
  return static_cast<size_t>(*value);
}

bool ConfigNode::as_bool() const {
  const auto value = is_plain(*tree_) ? yaml_bool(tree_->text) : std::nullopt;
  if (!value) fail_expected(*tree_, "true or false");
  tree_->value = *value;
  return *value;
}

void ConfigNode::record_default(std::string_view key, Value value) const {
  tree_->defaults.set(key, std::move(value));
}

std::string ConfigNode::get(std::string_view key, const char* fallback) const {
  return get(key, std::string(fallback));
}

std::string ConfigNode::get(std::string_view key, const std::string& fallback) const {
  if (const auto found = find(key)) return found->as_string();
  record_default(key, fallback);
  return fallback;
}

double ConfigNode::get(std::string_view key, double fallback) const {
  if (const auto found = find(key)) return found->as_number();
  record_default(key, std::isfinite(fallback) ? Value(fallback) : Value(number_text(fallback)));
  return fallback;
}

int64_t ConfigNode::get(std::string_view key, int fallback) const {
  return get(key, static_cast<int64_t>(fallback));
}

int64_t ConfigNode::get(std::string_view key, int64_t fallback) const {
  if (const auto found = find(key)) return found->as_integer();
  record_default(key, fallback);
  return fallback;
}

size_t ConfigNode::get(std::string_view key, size_t fallback) const {
  if (const auto found = find(key)) return found->as_count();
  record_default(key, fallback);
  return fallback;
}

bool ConfigNode::get(std::string_view key, bool fallback) const {
  if (const auto found = find(key)) return found->as_bool();
  record_default(key, fallback);
  return fallback;
}

std::string ConfigNode::get_one_of(std::string_view key, const std::vector<std::string>& allowed,
                                   const std::string& fallback) const {
  const std::string value = get(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  fail_at(key, cat("expected one of ", join(allowed, ", "), ", got '", value, "'",
                   did_you_mean(value, allowed)));
}

void ConfigNode::fail(const std::string& text) const { fail_here(tree_->where, tree_->key, text); }

void ConfigNode::fail_at(std::string_view child, const std::string& text) const {
  const ConfigTree* found = tree_->child(child);
  fail_here(found != nullptr ? found->where : tree_->where, child_key(tree_->key, child), text);
}

void ConfigNode::reject_unread() const { reject_unread_below(*tree_); }

Value ConfigNode::resolved() const { return resolved_below(*tree_); }

Value ConfigNode::to_value(bool yaml_1_1) const { return whole_value(*tree_, yaml_1_1); }

ConfigNode ConfigNode::overlaid(const ConfigNode& over) const {
  expect_map();
  over.expect_map();
  auto result = std::make_shared<ConfigTree>();
  result->kind = Kind::kMap;
  result->where = over.tree_->where;
  result->children = tree_->children;
  for (const auto& [key, child] : over.tree_->children) {
    const auto same = [&](const auto& entry) { return entry.first == key; };
    const auto found = std::find_if(result->children.begin(), result->children.end(), same);
    if (found == result->children.end())
      result->children.emplace_back(key, child);
    else
      found->second = child;
  }
  return ConfigNode(std::move(result));
}

void ConfigNode::set(const std::string& path, const std::string& yaml_value) {
  set_in_config_tree(*tree_, path, yaml_value);
}

}  // namespace evalharness
