// Rows as a file has them to documents as task files expect them.
#include "datasets/loaders.h"
#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

const Value& field_at(const Document& row, const std::string& path) {
  const std::vector<std::string> names = split(path, ".");
  const Value* value = &row.at(names[0]);
  for (size_t i = 1; i < names.size(); ++i) {
    value = value->find(names[i]);
    if (value == nullptr) fail(cat(row.where(), ": no field '", path, "'"));
  }
  return *value;
}

std::string letter(size_t index) { return std::string(1, static_cast<char>('A' + index)); }

const Value::List& list_at(const Document& row, const std::string& path) {
  const Value& value = field_at(row, path);
  if (!value.is_list()) {
    fail(cat(row.where(), ": field '", path, "': expected a list, got ", value.type_name()));
  }
  return value.list();
}

Value columns(const Document& row, const std::string& path) {
  Value table{Value::Map{}};
  for (const Value& item : list_at(row, path)) {
    if (!item.is_map()) {
      fail(cat(row.where(), ": field '", path, "': expected a list of objects, got ",
               item.type_name()));
    }
    for (const auto& [name, value] : item.map()) {
      Value column = table.find(name) == nullptr ? Value(Value::List{}) : *table.find(name);
      column.push(value);
      table.set(name, std::move(column));
    }
  }
  return table;
}

Value labelled(const Document& row, const std::string& path) {
  Value::List labels;
  const Value::List& texts = list_at(row, path);
  for (size_t i = 0; i < texts.size(); ++i) labels.emplace_back(letter(i));
  return Value::Map{{"text", Value(texts)}, {"label", Value(std::move(labels))}};
}

Value letter_of(const Document& row, const std::string& path) {
  const Value& value = field_at(row, path);
  if (!value.is_int() || value.integer() < 0 || value.integer() > 25) {
    fail(cat(row.where(), ": field '", path, "': expected an integer from 0 to 25, got ",
             to_json(value)));
  }
  return letter(static_cast<size_t>(value.integer()));
}

// false and true as the class numbers 0 and 1 that Hugging Face's columns hold.
Value integer_of(const Document& row, const std::string& path) {
  const Value& value = field_at(row, path);
  if (value.is_int()) return value;
  if (!value.is_bool()) {
    fail(cat(row.where(), ": field '", path, "': expected a boolean, got ", to_json(value)));
  }
  return value.boolean() ? 1 : 0;
}

Value project(const Document& row, const Projection& projection) {
  if (projection.how == "columns") return columns(row, projection.source);
  if (projection.how == "labelled") return labelled(row, projection.source);
  if (projection.how == "letter") return letter_of(row, projection.source);
  if (projection.how == "integer") return integer_of(row, projection.source);
  return field_at(row, projection.source);
}

}  // namespace

Document reshape(const Document& row, const std::vector<Projection>& projections) {
  if (projections.empty()) return row;
  Value fields{Value::Map{}};
  for (const Projection& projection : projections)
    fields.set(projection.field, project(row, projection));
  return {std::move(fields), row.where()};
}

}  // namespace evalharness
