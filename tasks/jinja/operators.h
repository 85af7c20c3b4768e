// What the operators do to values, as Python does it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tasks/jinja/scope.h"

namespace evalharness::jinja {

// + - * / // % ** on numbers (booleans count as 0 and 1), + and * on strings and lists.
Value arithmetic(Scope& scope, const std::string& op, const Value& a, const Value& b);
// == != < <= > >= in notin.
bool compare(Scope& scope, const std::string& op, const Value& a, const Value& b);
Value negate(Scope& scope, const Value& a);

// a.name and a[index]: an item of a map by key, of a list or string by index (from the end if
// negative). Nothing where there is none; scope.missing then says so.
std::optional<Value> item(Scope& scope, const Value& of, const Value& index);
// a[start:stop:step], any of them null.
Value slice(Scope& scope, const Value& of, const Value& start, const Value& stop,
            const Value& step);

// What a loop runs over: the items of a list, the characters of a string, the keys of a map.
std::vector<Value> iterate(Scope& scope, const Value& over);
size_t length(Scope& scope, const Value& of);

}  // namespace evalharness::jinja
