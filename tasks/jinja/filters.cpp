// Filters of Jinja2 that take one value, and regex_replace of lm-evaluation-harness.

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/base/json.h"
#include "harness/base/letter_case.h"
#include "tasks/jinja/expression.h"
#include "tasks/jinja/operators.h"
#include "tasks/python.h"
#include "tasks/regex.h"

namespace evalharness::jinja {
namespace {

std::string text_of(const Call& call) { return python::str(call.subject); }

Value filter_string(const Call& call) { return text_of(call); }
Value filter_lower(const Call& call) { return lower(text_of(call)); }
Value filter_upper(const Call& call) { return upper(text_of(call)); }

Value filter_int(const Call& call) {
  const int64_t fallback = call.integer(0, "default", 0);
  if (call.subject.is_bool()) return static_cast<int64_t>(call.subject.boolean());
  if (call.subject.is_int()) return call.subject.integer();
  if (call.subject.is_double()) return static_cast<int64_t>(call.subject.number());
  if (!call.subject.is_string()) return fallback;
  const std::optional<Value> number = python::literal(strip(call.subject.string()));
  if (!number || !number->is_number()) return fallback;
  return number->is_int() ? number->integer() : static_cast<int64_t>(number->number());
}

Value filter_float(const Call& call) {
  if (call.subject.is_number()) return call.subject.number();
  if (call.subject.is_bool()) return call.subject.boolean() ? 1.0 : 0.0;
  const std::optional<Value> number = python::literal(strip(text_of(call)));
  if (number && number->is_number()) return number->number();
  const Value* fallback = call.find(0, "default");
  return fallback ? *fallback : Value(0.0);
}

Value filter_trim(const Call& call) {
  Call method = call;
  method.name = "strip";
  method.subject = text_of(call);
  return call_method(method);
}

Value filter_replace(const Call& call) {
  Call method = call;
  method.subject = text_of(call);
  return call_method(method);
}

Value filter_capitalize(const Call& call) {
  Call method = call;
  method.subject = text_of(call);
  return call_method(method);
}

Value filter_abs(const Call& call) {
  return compare(call.scope, "<", call.subject, Value(0)) ? negate(call.scope, call.subject)
                                                          : call.subject;
}

// round(x, precision): always a float; halves go to the even neighbour, as in Python.
Value filter_round(const Call& call) {
  if (!call.subject.is_number())
    call.fail(cat("expected a number, got ", call.subject.type_name()));
  const int64_t precision = call.integer(0, "precision", 0);
  if (precision == 0) return std::nearbyint(call.subject.number());
  const std::string decimal = fixed_text(call.subject.number(), static_cast<int>(precision));
  return std::stod(decimal);
}

Value filter_items(const Call& call) {
  Call method = call;
  return call_method(method);
}

// json.dumps(value), which puts a space behind "," and ":".
std::string dumped(const Value& value, bool sorted) {
  if (!value.is_list() && !value.is_map()) return to_json(value);
  std::vector<std::string> pieces;
  if (value.is_list()) {
    for (const Value& item : value.list()) pieces.push_back(dumped(item, sorted));
    return "[" + join(pieces, ", ") + "]";
  }
  Value::Map entries = value.map();
  if (sorted)
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [key, item] : entries)
    pieces.push_back(to_json(Value(key)) + ": " + dumped(item, sorted));
  return "{" + join(pieces, ", ") + "}";
}

// transformers gives its chat templates a filter of their own, which keeps text and order as they are.
Value chat_tojson(const Call& call) {
  const int64_t indent = call.integer(1, "indent", -1);
  const bool sorted = call.flag(3, "sort_keys", false);
  if (indent < 0) return dumped(call.subject, sorted);
  if (sorted) call.fail("indent and sort_keys together are not supported");
  return to_json(call.subject, static_cast<int>(indent));
}

Value filter_tojson(const Call& call) {
  if (call.scope.is_chat) return chat_tojson(call);
  // Jinja sorts the keys, and escapes what is unsafe in HTML.
  std::string json = dumped(call.subject, /*sorted=*/true);
  for (const auto& [from, to] :
       {std::pair{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}, {"'", "\\u0027"}})
    json = replace_all(json, from, to);
  return json;
}

Value filter_regex_replace(const Call& call) {
  const Regex pattern(call.string(0, "pattern"), cat(call.kind, " ", call.name));
  return pattern.substitute(text_of(call), call.string(1, "repl"),
                            static_cast<size_t>(call.integer(2, "count", 0)));
}

Value filter_default(const Call&) {
  EH_ASSERT(false);
}  // handled where the operand may be undefined

}  // namespace

const std::map<std::string, Function>& value_filters() {
  static const std::map<std::string, Function> table = {{"abs", filter_abs},
                                                        {"capitalize", filter_capitalize},
                                                        {"d", filter_default},
                                                        {"default", filter_default},
                                                        {"float", filter_float},
                                                        {"int", filter_int},
                                                        {"items", filter_items},
                                                        {"lower", filter_lower},
                                                        {"regex_replace", filter_regex_replace},
                                                        {"replace", filter_replace},
                                                        {"round", filter_round},
                                                        {"string", filter_string},
                                                        {"tojson", filter_tojson},
                                                        {"trim", filter_trim},
                                                        {"upper", filter_upper}};
  return table;
}

}  // namespace evalharness::jinja
