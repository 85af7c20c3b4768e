// Expressions, and what filters, tests, functions and methods receive.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tasks/jinja/lexer.h"
#include "tasks/jinja/scope.h"

namespace evalharness::jinja {

struct Expression {
  // Nothing where the name, member or item at the top of the expression is undefined; scope.missing
  // then says which. Anything undefined below the top fails.
  std::function<std::optional<Value>(Scope&)> find;
  // Fails on anything undefined, as StrictUndefined does when it is used; null in a chat template.
  Value evaluate(Scope& scope) const;
  // Fails on anything undefined; nothing in a chat template.
  std::optional<Value> look_up(Scope& scope) const;
  // As it is printed: nothing, where a chat template's is undefined.
  std::string text(Scope& scope) const;
  bool truth(Scope& scope) const;
};

// Everything up to the first token that is no part of an expression; commas at the top make a tuple
// (kept as a list).
Expression parse_expression(Tokens& tokens);
Expression parse_single(Tokens& tokens);  // the same without commas
// Without "a if b else c" either, so that a loop's own "if" is left for the loop.
Expression parse_unconditional(Tokens& tokens);
// The operand of an operator, with its members, calls, filters and tests.
Expression parse_operand(Tokens& tokens);
// Whether the next token may begin an operand other than a bracketed one.
bool starts_operand(const Tokens& tokens);

// Expressions that are never undefined.
Expression defined(std::function<Value(Scope&)> evaluate);
Expression constant(Value value);
Expression list_of(std::vector<Expression> items);

// One use of a filter, test, function or method.
struct Call {
  Scope& scope;
  std::string name;
  Value subject;  // what stands before the bar, "is" or the dot
  Value::List positional;
  Value::Map named;

  // The argument at a position or under a name; null if not given.
  const Value* find(size_t index, std::string_view argument) const;
  const Value& require(size_t index, std::string_view argument) const;
  std::string string(size_t index, std::string_view argument) const;  // fails on any other type
  int64_t integer(size_t index, std::string_view argument, int64_t fallback) const;
  bool flag(size_t index, std::string_view argument, bool fallback) const;
  [[noreturn]] void fail(const std::string& text) const;  // "filter join: <text>"
  std::string kind = "filter";                            // "filter", "test", "function", "method"
};

using Function = Value (*)(const Call&);
// Tables by name; an unknown name fails when the template is read, with the nearest.
Function find_filter(const std::string& name, const Tokens& tokens);
const std::map<std::string, Function>& value_filters();
const std::map<std::string, Function>& sequence_filters();
Function find_test(const std::string& name, const Tokens& tokens);
Function find_function(const std::string& name, const Tokens& tokens);
Value call_method(const Call& call);
Function look_up(const std::map<std::string, Function>& table, const char* kind,
                 const std::string& name, const Tokens& tokens);

}  // namespace evalharness::jinja
