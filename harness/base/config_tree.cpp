#include "harness/base/config_tree.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/base/yaml_scalar.h"

namespace evalharness {
namespace {

using Tree = std::shared_ptr<ConfigTree>;
using Kind = ConfigTree::Kind;

constexpr int kMaxNesting = 100;  // an alias inside its own anchor never ends

// Turns a yaml-cpp document into our tree.
class Walk {
 public:
  // `fixed_place`, where not empty, stands for every place.
  Walk(const std::string& file_name, const std::string& fixed_place, DuplicateKeys duplicates)
      : file_name_(file_name), fixed_place_(fixed_place), duplicates_(duplicates) {}

  Tree parse(const std::string& text, const std::string& key) try {
    source_ = text;
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      fail(cat(place(documents[1].Mark()), ": expected one YAML document, got a second"));
    const YAML::Node root = documents.empty() ? YAML::Node() : documents[0];
    return walk(root, place(root.IsNull() ? YAML::Mark() : root.Mark()), key, 0);
  } catch (const YAML::Exception& error) {
    fail(cat(place(error.mark), ": not valid YAML: ", error.msg));
  }

 private:
  std::string place(const YAML::Mark& mark) const {
    if (!fixed_place_.empty()) return fixed_place_;
    // A mark that is null stands before the first character.
    if (mark.is_null()) return cat(file_name_, ":1:1");
    return cat(file_name_, ':', mark.line + 1, ':', mark.column + 1);
  }

  Tree walk(const YAML::Node& node, const std::string& where, const std::string& key,
            int depth) const {
    if (depth > kMaxNesting)
      fail(cat(where, ": ", key, ": expected at most ", kMaxNesting, " levels, got more"));
    auto tree = std::make_shared<ConfigTree>();
    tree->where = where;
    tree->key = key;
    read_tag(node, *tree);
    if (tree->tag == "tag:yaml.org,2002:null") {  // !!null "null"
      tree->tag.clear();
    } else if (node.IsScalar()) {
      tree->kind = Kind::kScalar;
      tree->text = node.Mark().is_null() ? node.Scalar() : mended_scalar(node.Scalar(), source_, static_cast<size_t>(node.Mark().pos));
    } else if (node.IsSequence()) {
      read_list(node, *tree, depth);
    } else if (node.IsMap()) {
      read_map(node, *tree, depth);
    }
    return tree;
  }

  // yaml-cpp says "?" of what is plain and "!" of a scalar in quotes or a block.
  static void read_tag(const YAML::Node& node, ConfigTree& tree) {
    const std::string& tag = node.Tag();
    tree.quoted = node.IsScalar() && (tag == "!" || tag == "tag:yaml.org,2002:str");
    if (tag != "?" && tag != "!") tree.tag = tag;
  }

  void read_list(const YAML::Node& node, ConfigTree& tree, int depth) const {
    tree.kind = Kind::kList;
    for (size_t i = 0; i < node.size(); ++i) {
      const YAML::Node item = node[i];
      tree.items.push_back(walk(item, place(item.Mark()), item_key(tree.key, i), depth + 1));
    }
  }

  void read_map(const YAML::Node& node, ConfigTree& tree, int depth) const {
    tree.kind = Kind::kMap;
    for (const auto& entry : node)
      if (is_merge(entry.first)) merge(entry.second, tree, depth);
    std::vector<std::string> own;
    for (const auto& entry : node) {
      if (is_merge(entry.first)) continue;
      const std::string name = name_of(entry.first);
      if (duplicates_ == DuplicateKeys::kRefused && contains(own, name))
        fail(cat(place(entry.first.Mark()), ": ", child_key(tree.key, name), ": duplicate key"));
      own.push_back(name);
      add(name, read_entry(entry.first, entry.second, child_key(tree.key, name), depth), tree);
    }
  }

  Tree read_entry(const YAML::Node& key, const YAML::Node& value, const std::string& path,
                  int depth) const {
    // A value left empty has the place of whatever follows it: its key says more.
    const bool is_left_empty = value.IsNull() && value.Mark().line != key.Mark().line;
    return walk(value, place(is_left_empty ? key.Mark() : value.Mark()), path, depth + 1);
  }

  static bool is_merge(const YAML::Node& key) {
    return key.IsScalar() && key.Scalar() == "<<" && key.Tag() == "?";
  }

  // "<<: *base" or "<<: [*a, *b]": the map's own keys win, then the first that is named.
  void merge(const YAML::Node& from, ConfigTree& tree, int depth) const {
    if (from.IsSequence()) {
      for (size_t i = 0; i < from.size(); ++i) merge(from[i], tree, depth);
      return;
    }
    if (!from.IsMap()) fail(cat(place(from.Mark()), ": <<: expected a map or a list of maps"));
    const Tree merged = walk(from, place(from.Mark()), tree.key, depth + 1);
    for (const auto& [name, child] : merged->children)
      if (tree.child(name) == nullptr) tree.children.emplace_back(name, child);
  }

  std::string name_of(const YAML::Node& key) const {
    if (key.IsNull()) return "null";
    if (!key.IsScalar()) fail(cat(place(key.Mark()), ": expected a key that is a plain word"));
    return key.Scalar();
  }

  static bool contains(const std::vector<std::string>& names, const std::string& name) {
    for (const std::string& one : names)
      if (one == name) return true;
    return false;
  }

  static void add(const std::string& name, Tree child, ConfigTree& tree) {
    for (auto& [other, old] : tree.children) {
      if (other != name) continue;
      old = std::move(child);  // it came by a merge, or is the last of several
      return;
    }
    tree.children.emplace_back(name, std::move(child));
  }

  const std::string& file_name_;
  const std::string& fixed_place_;
  const DuplicateKeys duplicates_;
  std::string_view source_;
};

// Fails at the first line that is none.
void check_utf8(const std::string& text, const std::string& file_name) {
  if (is_valid_utf8(text)) return;
  const std::vector<std::string> lines = split(text, "\n");
  const auto bad = std::find_if(lines.begin(), lines.end(),
                                [](const std::string& line) { return !is_valid_utf8(line); });
  std::string valid;  // the longest beginning
  for (size_t size = 0; size < bad->size(); ++size)
    if (is_valid_utf8(bad->substr(0, size))) valid = bad->substr(0, size);
  fail(cat(file_name, ":", bad - lines.begin() + 1, ":", code_points(valid) + 1, ": text is not UTF-8"));
}

// One step of a path: a key, or an index where `key` is empty.
struct Step {
  std::string key;
  size_t index;
};

[[noreturn]] void fail_path(const std::string& path) {
  fail(
      cat("--set ", path, ": expected a path such as calibration.samples or compress[0].sparsity"));
}

// "a[0][1]" into a, 0, 1.
void append_steps(const std::string& part, const std::string& path, std::vector<Step>& steps) {
  const std::vector<std::string> pieces = split(part, "[");
  if (pieces[0].empty()) fail_path(path);
  steps.push_back({pieces[0], 0});
  for (size_t i = 1; i < pieces.size(); ++i) {
    if (!pieces[i].ends_with("]")) fail_path(path);
    const auto index = yaml_integer(pieces[i].substr(0, pieces[i].size() - 1));
    if (!index || *index < 0) fail_path(path);
    steps.push_back({"", static_cast<size_t>(*index)});
  }
}

std::vector<Step> steps_of(const std::string& path) {
  std::vector<Step> steps;
  for (const std::string& part : split(path, ".")) append_steps(part, path, steps);
  return steps;
}

// The place of a child that is there, or of one that is made.
Tree& child_place(ConfigTree& parent, const Step& step, const std::string& where) {
  if (parent.kind == Kind::kNull) parent.kind = step.key.empty() ? Kind::kList : Kind::kMap;
  const bool is_item = step.key.empty();
  if (parent.kind != (is_item ? Kind::kList : Kind::kMap))
    fail(cat(where, ": ", parent.key, ": expected a ", is_item ? "list" : "map", ", got ",
             parent.shown()));
  if (is_item) {
    if (step.index > parent.items.size())
      fail(cat(where, ": ", parent.key, ": expected an index of at most ", parent.items.size(),
               ", got ", step.index));
    if (step.index == parent.items.size()) parent.items.push_back(nullptr);
    return parent.items[step.index];
  }
  for (auto& [name, child] : parent.children)
    if (name == step.key) return child;
  return parent.children.emplace_back(step.key, nullptr).second;
}

}  // namespace

ConfigTree* ConfigTree::child(std::string_view name) const {
  for (const auto& [other, tree] : children)
    if (other == name) return tree.get();
  return nullptr;
}

std::string ConfigTree::shown() const {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
      break;
  }
  const bool is_bare = !quoted && (yaml_bool(text) || yaml_number(text));
  return is_bare ? text : cat('\'', text, '\'');
}

std::string child_key(const std::string& parent, std::string_view name) {
  return parent.empty() ? std::string(name) : cat(parent, '.', name);
}

std::string item_key(const std::string& parent, size_t index) {
  return cat(parent, '[', index, ']');
}

std::shared_ptr<ConfigTree> parse_config_tree(const std::string& text, const std::string& file_name,
                                              DuplicateKeys duplicates) {
  check_utf8(text, file_name);
  Tree root = Walk(file_name, "", duplicates).parse(text, "");
  if (root->kind == Kind::kNull) root->kind = Kind::kMap;
  return root;
}

std::shared_ptr<ConfigTree> parse_config_value(const std::string& text, const std::string& where,
                                               const std::string& key) {
  return Walk("", where, DuplicateKeys::kRefused).parse(text, key);
}

void set_in_config_tree(ConfigTree& root, const std::string& path, const std::string& yaml_value) {
  const std::string where = cat("--set ", path);
  const std::vector<Step> steps = steps_of(path);
  ConfigTree* parent = &root;
  std::string key = root.key;
  for (size_t i = 0; i < steps.size(); ++i) {
    Tree& place = child_place(*parent, steps[i], where);
    key = steps[i].key.empty() ? item_key(key, steps[i].index) : child_key(key, steps[i].key);
    if (i + 1 == steps.size()) {
      place = parse_config_value(yaml_value, where, key);
    } else if (!place) {
      place = std::make_shared<ConfigTree>();
      place->where = where;
      place->key = key;
    }
    parent = place.get();
  }
}

}  // namespace evalharness
