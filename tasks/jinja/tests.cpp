// Tests ("x is even") and functions of Jinja2.

#include <ctime>

#include "tasks/jinja/expression.h"
#include "tasks/jinja/operators.h"
#include "tasks/python.h"

namespace evalharness::jinja {
namespace {

Value test_none(const Call& call) { return call.subject.is_null(); }
Value test_string(const Call& call) { return call.subject.is_string(); }
Value test_number(const Call& call) { return call.subject.is_number() || call.subject.is_bool(); }
Value test_integer(const Call& call) { return call.subject.is_int(); }
Value test_float(const Call& call) { return call.subject.is_double(); }
Value test_boolean(const Call& call) { return call.subject.is_bool(); }
Value test_mapping(const Call& call) { return call.subject.is_map(); }
Value test_iterable(const Call& call) {
  return call.subject.is_string() || call.subject.is_list() || call.subject.is_map();
}
Value test_true(const Call& call) { return call.subject.is_bool() && call.subject.boolean(); }
Value test_false(const Call& call) { return call.subject.is_bool() && !call.subject.boolean(); }
Value test_even(const Call& call) {
  return arithmetic(call.scope, "%", call.subject, 2) == Value(0);
}
Value test_odd(const Call& call) {
  return arithmetic(call.scope, "%", call.subject, 2) == Value(1);
}
Value test_divisibleby(const Call& call) {
  return arithmetic(call.scope, "%", call.subject, call.require(0, "num")) == Value(0);
}
Value test_equal(const Call& call) { return python::equal(call.subject, call.require(0, "other")); }
Value test_ne(const Call& call) { return !python::equal(call.subject, call.require(0, "other")); }
Value test_in(const Call& call) {
  return compare(call.scope, "in", call.subject, call.require(0, "seq"));
}
Value test_lt(const Call& call) {
  return compare(call.scope, "<", call.subject, call.require(0, "other"));
}
Value test_gt(const Call& call) {
  return compare(call.scope, ">", call.subject, call.require(0, "other"));
}

const std::map<std::string, Function>& tests() {
  static const std::map<std::string, Function> table = {
      {"boolean", test_boolean}, {"divisibleby", test_divisibleby},
      {"eq", test_equal},        {"equalto", test_equal},
      {"even", test_even},       {"false", test_false},
      {"float", test_float},     {"greaterthan", test_gt},
      {"gt", test_gt},           {"in", test_in},
      {"integer", test_integer}, {"iterable", test_iterable},
      {"lessthan", test_lt},     {"lt", test_lt},
      {"mapping", test_mapping}, {"ne", test_ne},
      {"none", test_none},       {"number", test_number},
      {"odd", test_odd},         {"sequence", test_iterable},
      {"string", test_string},   {"true", test_true},
  };
  return table;
}

Value function_range(const Call& call) {
  const bool one = call.positional.size() == 1;
  const int64_t start = one ? 0 : call.integer(0, "start", 0);
  const int64_t stop = one ? call.integer(0, "stop", 0) : call.integer(1, "stop", 0);
  const int64_t step = call.integer(2, "step", 1);
  if (step == 0) call.fail("expected a step other than 0");
  Value::List numbers;
  for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step) numbers.emplace_back(i);
  return numbers;
}

Value function_dict(const Call& call) { return Value(call.named); }

// What a template that cannot take a conversation says.
[[noreturn]] Value function_raise_exception(const Call& call) {
  call.scope.fail(call.string(0, "message"));
}

Value function_strftime_now(const Call& call) {
  const std::time_t now = std::time(nullptr);
  char text[256];
  const size_t size = std::strftime(text, sizeof text, call.string(0, "format").c_str(), std::localtime(&now));
  return std::string(text, size);
}

std::map<std::string, Function> functions(JinjaDialect dialect) {
  std::map<std::string, Function> table = {
      {"dict", function_dict}, {"namespace", function_dict}, {"range", function_range}};
  if (dialect == JinjaDialect::kTask) return table;
  table["raise_exception"] = function_raise_exception;
  table["strftime_now"] = function_strftime_now;
  return table;
}

}  // namespace

Function find_test(const std::string& name, const Tokens& tokens) {
  return look_up(tests(), "test", name, tokens);
}

Function find_function(const std::string& name, const Tokens& tokens) {
  return look_up(functions(tokens.dialect), "function", name, tokens);
}

}  // namespace evalharness::jinja
