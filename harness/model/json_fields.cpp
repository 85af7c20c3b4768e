#include "harness/model/json_fields.h"

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/model/printable.h"

namespace evalharness {

JsonFields::JsonFields(const Value& object, std::string where, std::string prefix)
    : object_(&object), where_(std::move(where)), prefix_(std::move(prefix)) {
  if (!object.is_map())
    evalharness::fail(cat(where_, ": ", prefix_, "expected a map, got ", object.type_name()));
}

void JsonFields::fail(std::string_view key, const std::string& text) const {
  evalharness::fail(cat(where_, ": key '", prefix_, printable(key), "': ", text));
}

const Value* JsonFields::find(std::string_view key) const {
  const Value* const value = object_->find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const Value& JsonFields::at(std::string_view key) const {
  const Value* const value = find(key);
  if (value == nullptr) evalharness::fail(cat(where_, ": missing key '", prefix_, key, "'"));
  return *value;
}

size_t JsonFields::count(std::string_view key) const {
  const Value& value = at(key);
  if (!value.is_int()) fail(key, cat("expected an integer, got ", value.type_name()));
  if (value.integer() < 0) fail(key, cat("expected an integer >= 0, got ", value.integer()));
  return static_cast<size_t>(value.integer());
}

size_t JsonFields::count(std::string_view key, size_t fallback) const {
  return find(key) == nullptr ? fallback : count(key);
}

double JsonFields::number(std::string_view key) const {
  const Value& value = at(key);
  if (!value.is_number()) fail(key, cat("expected a number, got ", value.type_name()));
  return value.number();
}

double JsonFields::number(std::string_view key, double fallback) const {
  return find(key) == nullptr ? fallback : number(key);
}

bool JsonFields::flag(std::string_view key) const {
  const Value& value = at(key);
  if (!value.is_bool()) fail(key, cat("expected true or false, got ", value.type_name()));
  return value.boolean();
}

bool JsonFields::flag(std::string_view key, bool fallback) const {
  return find(key) == nullptr ? fallback : flag(key);
}

const Value::List& JsonFields::list(std::string_view key) const {
  const Value& value = at(key);
  if (!value.is_list()) fail(key, cat("expected a list, got ", value.type_name()));
  return value.list();
}

std::string JsonFields::text(std::string_view key) const {
  const Value& value = at(key);
  if (!value.is_string()) fail(key, cat("expected a string, got ", value.type_name()));
  return value.string();
}

std::optional<std::string> JsonFields::find_text(std::string_view key) const {
  return find(key) == nullptr ? std::nullopt : std::optional(text(key));
}

JsonFields JsonFields::object(std::string_view key) const {
  const Value& value = at(key);
  if (!value.is_map()) fail(key, cat("expected a map, got ", value.type_name()));
  return JsonFields(value, where_, cat(prefix_, key, "."));
}

std::optional<JsonFields> JsonFields::find_object(std::string_view key) const {
  return find(key) == nullptr ? std::nullopt : std::optional(object(key));
}

}  // namespace evalharness
