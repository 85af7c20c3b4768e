#include "tasks/transforms.h"

#include <algorithm>
#include <map>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "tasks/jinja/jinja.h"
#include "tasks/python.h"
#include "tasks/regex.h"

namespace evalharness {
namespace {

using Step = Transforms::Step;
using TextChange = std::function<std::string(const std::string&)>;

std::vector<std::string> names_of(const ConfigNode& node) {
  if (!node.is_list()) return {node.as_string()};
  std::vector<std::string> names;
  for (const ConfigNode& item : node.items()) names.push_back(item.as_string());
  return names;
}

// Errors of a transform name the row, the transform's place, what was expected and what came.
[[noreturn]] void fail_row(const Document& row, const std::string& where, const std::string& text) {
  fail(cat(row.where(), ": ", where, ": ", text));
}

const Value::List& list_at(const Document& row, const std::string& column,
                           const std::string& where) {
  const Value& value = row.at(column);
  if (!value.is_list())
    fail_row(row, where, cat("column '", column, "': expected a list, got ", value.type_name()));
  return value.list();
}

// A column's text changed, or each text of a list.
Value changed(const Document& row, const std::string& column, const std::string& where,
              const TextChange& change) {
  const Value& value = row.at(column);
  if (value.is_string()) return change(value.string());
  Value::List texts;
  for (const Value& item : list_at(row, column, where)) {
    if (!item.is_string())
      fail_row(row, where, cat("column '", column, "': expected texts, got ", item.type_name()));
    texts.emplace_back(change(item.string()));
  }
  return texts;
}

// `columns` changed in place, or one of them into another column.
Step change_texts(const ConfigNode& node, const std::string& key, TextChange change) {
  const std::vector<std::string> columns = names_of(node.at(key));
  const std::string into = node.get("into", "");
  if (!into.empty() && columns.size() != 1)
    node.fail_at("into", cat("expected one column in ", key, ", got ", columns.size()));
  return [columns, into, change = std::move(change), where = node.place()](Document& row) {
    for (const std::string& column : columns)
      row.fields().set(into.empty() ? column : into, changed(row, column, where, change));
    return true;
  };
}

Step filter(const ConfigNode& node) {
  const ConfigNode condition = node.at("filter");
  return [test = Jinja(condition.as_string(), condition.place())](Document& row) {
    const std::string text = test.render(row.fields(), row.where());
    return python::truth(python::literal(text).value_or(text));
  };
}

Step map(const ConfigNode& node) {
  const ConfigNode columns = node.at("map");
  std::vector<std::pair<std::string, Jinja>> templates;
  for (const std::string& column : columns.keys()) {
    const ConfigNode text = columns.at(column);
    templates.emplace_back(column, Jinja(text.as_string(), text.place()));
  }
  return [templates](Document& row) {
    for (const auto& [column, text] : templates)
      row.fields().set(column, text.render(row.fields(), row.where()));
    return true;
  };
}

Step each(const ConfigNode& node) {
  const std::string column = node.at("each").as_string();
  const ConfigNode text = node.at("template");
  return [column, into = node.get("into", column), where = node.place(),
          program = Jinja(text.as_string(), text.place())](Document& row) {
    Value fields = row.fields();
    Value::List texts;
    for (const Value& item : list_at(row, column, where)) {
      fields.set("item", item);
      texts.emplace_back(program.render(fields, row.where()));
    }
    row.fields().set(into, std::move(texts));
    return true;
  };
}

Step replace(const ConfigNode& node) {
  const std::string from = node.at("old").as_string(), to = node.at("new").as_string();
  if (from.empty()) node.fail_at("old", "expected a text, got ''");
  return change_texts(node, "replace",
                      [from, to](const std::string& text) { return replace_all(text, from, to); });
}

Step regex_replace(const ConfigNode& node) {
  const ConfigNode pattern = node.at("pattern");
  return change_texts(node, "regex_replace",
                      [regex = Regex(pattern.as_string(), pattern.place()),
                       to = node.at("new").as_string(), count = node.get("count", size_t{0})](
                          const std::string& text) { return regex.substitute(text, to, count); });
}

// Of each match the first group that is not empty; the whole match where there is no group.
Step find_all(const ConfigNode& node) {
  const ConfigNode pattern = node.at("pattern");
  return [column = node.at("find_all").as_string(), into = node.at("into").as_string(),
          regex = Regex(pattern.as_string(), pattern.place())](Document& row) {
    Value::List found;
    for (const std::vector<std::string>& groups : regex.find_all(row.string(column))) {
      const auto filled = std::ranges::find_if(groups, [](const auto& g) { return !g.empty(); });
      found.emplace_back(filled == groups.end() ? "" : *filled);
    }
    row.fields().set(into, std::move(found));
    return true;
  };
}

Step literal_eval(const ConfigNode& node) {
  return [columns = names_of(node.at("literal_eval")), where = node.place()](Document& row) {
    for (const std::string& column : columns) {
      std::optional<Value> value = python::literal(row.string(column));
      if (!value)
        fail_row(row, where,
                 cat("column '", column, "': expected a Python literal, got '", row.string(column),
                     "'"));
      row.fields().set(column, std::move(*value));
    }
    return true;
  };
}

Step index(const ConfigNode& node) {
  return [wanted = node.at("index").as_string(), list = node.at("of").as_string(),
          into = node.at("into").as_string(), where = node.place()](Document& row) {
    const Value& value = row.at(wanted);
    const Value::List& items = list_at(row, list, where);
    const auto found =
        std::ranges::find_if(items, [&](const Value& item) { return python::equal(item, value); });
    if (found == items.end())
      fail_row(
          row, where,
          cat("column '", wanted, "': expected one of '", list, "', got ", python::repr(value)));
    row.fields().set(into, static_cast<int64_t>(found - items.begin()));
    return true;
  };
}

Step join_texts(const ConfigNode& node) {
  const std::string column = node.at("join").as_string();
  return [column, into = node.get("into", column), separator = node.at("separator").as_string(),
          where = node.place()](Document& row) {
    std::vector<std::string> texts;
    for (const Value& item : list_at(row, column, where)) texts.push_back(python::str(item));
    row.fields().set(into, join(texts, separator));
    return true;
  };
}

Step rename(const ConfigNode& node) {
  std::vector<std::pair<std::string, std::string>> names;
  const ConfigNode columns = node.at("rename");
  for (const std::string& from : columns.keys())
    names.emplace_back(from, columns.at(from).as_string());
  return [names, where = node.place()](Document& row) {
    for (const auto& [from, to] : names) {
      row.at(from);  // fails where there is none, naming those there are
      if (row.has(to)) fail_row(row, where, cat("column '", to, "' is there already"));
      for (auto& [column, value] : row.fields().map())
        if (column == from) column = to;
    }
    return true;
  };
}

Step shuffle(const ConfigNode& node) {
  return [column = node.at("shuffle").as_string(), target = node.get("target", ""),
          seed = node.get("seed", size_t{0}), where = node.place()](Document& row) {
    Value::List items = list_at(row, column, where);
    std::vector<size_t> order(items.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    // Keyed by content: a row keeps its order whatever rows stand before it.
    Rng random(seed, cat("tasks.shuffle ", to_json(row.fields())));
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    Value::List shuffled;
    for (const size_t i : order) shuffled.push_back(items[i]);
    row.fields().set(column, std::move(shuffled));
    if (target.empty()) return true;
    const Value& gold = row.at(target);
    const auto moved =
        gold.is_int() ? std::ranges::find(order, static_cast<size_t>(gold.integer())) : order.end();
    if (moved == order.end())
      fail_row(row, where,
               cat("column '", target, "': expected an index below ", order.size(), ", got ",
                   python::repr(gold)));
    row.fields().set(target, static_cast<int64_t>(moved - order.begin()));
    return true;
  };
}

Step detokenise_texts(const ConfigNode& node) {
  return change_texts(node, "detokenise", [](const std::string& text) { return detokenise(text); });
}

const std::map<std::string, Step (*)(const ConfigNode&)>& transforms() {
  static const std::map<std::string, Step (*)(const ConfigNode&)> table = {
      {"detokenise", detokenise_texts},
      {"each", each},
      {"filter", filter},
      {"find_all", find_all},
      {"index", index},
      {"join", join_texts},
      {"literal_eval", literal_eval},
      {"map", map},
      {"regex_replace", regex_replace},
      {"rename", rename},
      {"replace", replace},
      {"shuffle", shuffle}};
  return table;
}

Step read_step(const ConfigNode& node) {
  if (!node.is_map() || node.keys().empty()) node.fail("expected a map such as {filter: TEMPLATE}");
  const std::string name = node.keys().front();
  const auto found = transforms().find(name);
  if (found != transforms().end()) return found->second(node);
  const std::vector<std::string> names = keys_of(transforms());
  node.fail_at(
      name, cat("unknown transform", did_you_mean(name, names), "; there are: ", join(names, " ")));
}

}  // namespace

Transforms Transforms::read(const ConfigNode& list) {
  Transforms transforms;
  for (const ConfigNode& item : list.items()) transforms.steps_.push_back(read_step(item));
  return transforms;
}

std::vector<Document> Transforms::apply(std::vector<Document> rows) const {
  if (empty()) return rows;
  std::vector<Document> kept;
  for (Document& row : rows)
    if (std::ranges::all_of(steps_, [&](const Step& step) { return step(row); }))
      kept.push_back(std::move(row));
  return kept;
}

}  // namespace evalharness
