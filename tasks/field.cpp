#include "tasks/field.h"

#include <algorithm>
#include <cctype>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness {
namespace {

// Letters, digits and underscores with a letter first, as columns are named.
bool could_be_column(const std::string& text) {
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
         });
}

Value::List values_of(const Value& map) {
  Value::List values;
  for (const auto& entry : map.map()) values.push_back(entry.second);
  return values;
}

}  // namespace

Field Field::read(const ConfigNode& node) {
  Field field;
  field.where_ = node.place();
  const Value value = node.to_value(/*yaml_1_1=*/true);
  if (value.is_string() && Jinja::has_markup(value.string()))
    field.template_ = Jinja(value.string(), field.where_);
  else if (value.is_string())
    field.plain_ = value.string();
  else
    field.constant_ = value.is_map() ? Value(values_of(value)) : value;
  return field;
}

void Field::add_mentions(Mentions& to) const {
  if (template_) {
    const Mentions& own = template_->mentions();
    to.columns.insert(own.columns.begin(), own.columns.end());
    to.members.insert(own.members.begin(), own.members.end());
    to.strings.insert(own.strings.begin(), own.strings.end());
    to.bounds.insert(own.bounds.begin(), own.bounds.end());
  } else if (constant_ && constant_->is_list()) {
    for (const Value& one : constant_->list())
      if (one.is_string()) to.strings.insert(one.string());
  } else if (!constant_ && could_be_column(plain_)) {
    to.columns.insert(plain_);
  }
}

bool Field::rendered(const Document& doc) const {
  return !constant_ && (template_ || !doc.has(plain_));
}

std::string Field::text(const Document& doc) const {
  if (constant_) return python::str(*constant_);
  if (template_) return template_->render(doc.fields(), doc.where());
  return doc.has(plain_) ? python::str(doc.at(plain_)) : plain_;
}

Value Field::evaluate(const Document& doc) const {
  if (constant_) return *constant_;
  if (!template_ && (doc.has(plain_) || could_be_column(plain_))) return doc.at(plain_, where_);
  return text(doc);
}

Value text_or_index(const Field& field, const Document& doc, bool has_choices) {
  Value value = field.evaluate(doc);
  if (!has_choices || !field.rendered(doc) || !python::is_digits(value.string())) return value;
  if (const std::optional<Value> index = python::literal(value.string())) return *index;
  fail(cat(doc.where(), ": ", field.where(), ": expected the index of a choice, got '", value.string(), "'"));
}

Value target_of(const Field& field, const Document& doc, bool has_choices) {
  Value value = text_or_index(field, doc, has_choices);
  if (!value.is_string() || !field.rendered(doc)) return value;
  const std::string& text = value.string();
  if (!text.starts_with('[') || !text.ends_with(']')) return value;
  return python::literal(text).value_or(value);
}

std::vector<std::string> choices_of(const Field& field, const Document& doc) {
  Value value = field.evaluate(doc);
  if (field.rendered(doc)) {
    const std::optional<Value> list = python::literal(value.string());
    if (!list)
      fail(cat(doc.where(), ": ", field.where(), ": expected a list, got '", value.string(), "'"));
    value = *list;
  }
  if (!value.is_list())
    fail(cat(doc.where(), ": ", field.where(), ": expected a list, got ", value.type_name()));
  std::vector<std::string> choices;
  for (const Value& choice : value.list()) {
    if (!choice.is_string())
      fail(cat(doc.where(), ": ", field.where(), ": expected a list of strings, got ",
               choice.type_name(), " in it"));
    choices.push_back(choice.string());
  }
  if (choices.empty())
    fail(cat(doc.where(), ": ", field.where(), ": expected at least one choice, got none"));
  return choices;
}

}  // namespace evalharness
