#include "test/support/json_schema.h"

#include <algorithm>
#include <regex>

#include "harness/base/text.h"

namespace evalharness {
namespace {

bool has_type(const Value& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_bool();
  if (type == "integer") return value.is_int();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_list();
  return type == "object" && value.is_map();
}

class Validator {
 public:
  explicit Validator(const Value& root) : root_(root) {}

  void check(const Value& schema, const Value& value, const std::string& path) {
    if (schema.is_bool()) {
      if (!schema.boolean()) report(path, "is not allowed");
      return;
    }
    for (const auto& [keyword, argument] : schema.map())
      apply(keyword, argument, schema, value, path);
  }
  std::vector<std::string> errors() && { return std::move(errors_); }

 private:
  void report(const std::string& path, const std::string& text) {
    errors_.push_back(cat(path.empty() ? "(root)" : path, ": ", text));
  }

  void apply(const std::string& keyword, const Value& argument, const Value& schema,
             const Value& value, const std::string& path) {
    if (keyword == "$ref") {
      const std::string name = argument.string().substr(std::string("#/$defs/").size());
      check(*root_.find("$defs")->find(name), value, path);
    } else if (keyword == "type") {
      check_type(argument, value, path);
    } else if (keyword == "enum") {
      const Value::List& allowed = argument.list();
      if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
        report(path, "is none of the allowed values");
    } else if (keyword == "minimum") {
      if (value.is_number() && value.number() < argument.number()) report(path, "is too small");
    } else if (keyword == "maximum") {
      if (value.is_number() && value.number() > argument.number()) report(path, "is too large");
    } else if (keyword == "pattern") {
      if (value.is_string() && !std::regex_search(value.string(), std::regex(argument.string())))
        report(path, "does not match the pattern");
    } else if (keyword == "items") {
      size_t index = 0;
      if (value.is_list())
        for (const Value& item : value.list()) check(argument, item, cat(path, "[", index++, "]"));
    } else if (keyword == "required") {
      for (const Value& key : argument.list())
        if (value.is_map() && value.find(key.string()) == nullptr)
          report(path, cat("missing '", key.string(), "'"));
    } else if (keyword == "properties" || keyword == "additionalProperties") {
      check_members(keyword == "properties", schema, value, path);
    } else if (keyword != "$schema" && keyword != "$defs" && keyword != "title" &&
               keyword != "description") {
      report(path, cat("the schema's keyword '", keyword, "' is unknown"));
    }
  }

  void check_type(const Value& argument, const Value& value, const std::string& path) {
    const Value::List types = argument.is_list() ? argument.list() : Value::List{argument};
    for (const Value& type : types)
      if (has_type(value, type.string())) return;
    report(path, cat("is a ", value.type_name()));
  }

  // `named`: the members that the schema names; otherwise all the others.
  void check_members(bool named, const Value& schema, const Value& value, const std::string& path) {
    if (!value.is_map()) return;
    const Value* properties = schema.find("properties");
    for (const auto& [key, item] : value.map()) {
      const Value* own = properties == nullptr ? nullptr : properties->find(key);
      if ((own != nullptr) != named) continue;
      check(named ? *own : *schema.find("additionalProperties"), item,
            path.empty() ? key : path + "." + key);
    }
  }

  const Value& root_;
  std::vector<std::string> errors_;
};

}  // namespace

std::vector<std::string> schema_errors(const Value& schema, const Value& document) {
  Validator validator(schema);
  validator.check(schema, document, "");
  return std::move(validator).errors();
}

}  // namespace evalharness
