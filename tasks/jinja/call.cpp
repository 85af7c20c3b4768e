// The arguments of a filter, test, function or method, and the filters by name.

#include "tasks/jinja/expression.h"
#include "tasks/python.h"

namespace evalharness::jinja {

Function look_up(const std::map<std::string, Function>& table, const char* kind,
                 const std::string& name, const Tokens& tokens) {
  const auto found = table.find(name);
  if (found != table.end()) return found->second;
  tokens.fail(cat("unknown ", kind, " '", name, "'", did_you_mean(name, keys_of(table))));
}

Function find_filter(const std::string& name, const Tokens& tokens) {
  static const std::map<std::string, Function> all = [] {
    std::map<std::string, Function> both = value_filters();
    both.insert(sequence_filters().begin(), sequence_filters().end());
    return both;
  }();
  return look_up(all, "filter", name, tokens);
}

const Value* Call::find(size_t index, std::string_view argument) const {
  if (index < positional.size()) return &positional[index];
  for (const auto& [key, value] : named)
    if (key == argument) return &value;
  return nullptr;
}

const Value& Call::require(size_t index, std::string_view argument) const {
  const Value* value = find(index, argument);
  if (!value) fail(cat("missing argument '", argument, "'"));
  return *value;
}

std::string Call::string(size_t index, std::string_view argument) const {
  const Value& value = require(index, argument);
  if (!value.is_string()) fail(cat(argument, ": expected a string, got ", value.type_name()));
  return value.string();
}

int64_t Call::integer(size_t index, std::string_view argument, int64_t fallback) const {
  const Value* value = find(index, argument);
  if (!value) return fallback;
  if (!value->is_int()) fail(cat(argument, ": expected an integer, got ", value->type_name()));
  return value->integer();
}

bool Call::flag(size_t index, std::string_view argument, bool fallback) const {
  const Value* value = find(index, argument);
  return value ? python::truth(*value) : fallback;
}

void Call::fail(const std::string& text) const { scope.fail(cat(kind, " ", name, ": ", text)); }

}  // namespace evalharness::jinja
