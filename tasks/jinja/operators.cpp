#include "tasks/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "tasks/python.h"

namespace evalharness::jinja {
namespace {

bool is_numeric(const Value& v) { return v.is_number() || v.is_bool(); }
bool is_integral(const Value& v) { return v.is_int() || v.is_bool(); }
double real(const Value& v) { return v.is_bool() ? v.boolean() : v.number(); }
int64_t integral(const Value& v) { return v.is_bool() ? v.boolean() : v.integer(); }

int64_t floor_divide(int64_t a, int64_t b) {
  return a / b - ((a % b != 0) && ((a < 0) != (b < 0)));
}

[[noreturn]] void no_meaning(Scope& scope, const std::string& op, const Value& a, const Value& b) {
  scope.fail(cat("'", op, "' has no meaning between ", a.type_name(), " and ", b.type_name()));
}

Value integer_arithmetic(Scope& scope, const std::string& op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+")
    overflow = __builtin_add_overflow(a, b, &result);
  else if (op == "-")
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (op == "*")
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (op == "//")
    result = floor_divide(a, b);
  else if (op == "%")
    result = a - floor_divide(a, b) * b;
  else {  // ** with b >= 0
    result = 1;
    for (int64_t i = 0; i < b && !overflow; ++i)
      overflow = __builtin_mul_overflow(result, a, &result);
  }
  if (overflow) scope.fail(cat(a, " ", op, " ", b, " is too large"));
  return result;
}

Value real_arithmetic(const std::string& op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "/") return a / b;
  if (op == "//") return std::floor(a / b);
  if (op == "%") return a - std::floor(a / b) * b;
  return std::pow(a, b);
}

Value repeat(const Value& what, int64_t times) {
  std::string text;
  Value::List list;
  for (int64_t i = 0; i < times; ++i) {
    if (what.is_string())
      text += what.string();
    else
      list.insert(list.end(), what.list().begin(), what.list().end());
  }
  return what.is_string() ? Value(std::move(text)) : Value(std::move(list));
}

bool contains(Scope& scope, const Value& in, const Value& what) {
  if (in.is_map()) return what.is_string() && in.find(what.string());
  if (in.is_string() && what.is_string())
    return in.string().find(what.string()) != std::string::npos;
  if (!in.is_list()) no_meaning(scope, "in", what, in);
  return std::any_of(in.list().begin(), in.list().end(),
                     [&](const Value& v) { return python::equal(v, what); });
}

std::string from_code_points(const std::vector<char32_t>& points) {
  std::string text;
  for (char32_t c : points) append_utf8(text, c);
  return text;
}

// Python's slice.indices(): the positions that start:stop:step visits in a sequence of `size`.
std::vector<size_t> slice_positions(int64_t size, const Value& start, const Value& stop,
                                    int64_t step) {
  const auto clamp = [&](const Value& bound, int64_t fallback) {
    if (bound.is_null()) return fallback;
    int64_t position = integral(bound);
    if (position < 0) position += size;
    return std::clamp<int64_t>(position, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
  };
  const int64_t first = clamp(start, step > 0 ? 0 : size - 1);
  const int64_t last = clamp(stop, step > 0 ? size : -1);
  std::vector<size_t> positions;
  for (int64_t i = first; step > 0 ? i < last : i > last; i += step)
    positions.push_back(static_cast<size_t>(i));
  return positions;
}

}  // namespace

Value arithmetic(Scope& scope, const std::string& op, const Value& a, const Value& b) {
  if (is_numeric(a) && is_numeric(b)) {
    const bool divides = op == "/" || op == "//" || op == "%";
    if (divides && real(b) == 0) scope.fail("division by zero");
    const bool stays_integer = op != "/" && !(op == "**" && real(b) < 0);
    if (is_integral(a) && is_integral(b) && stays_integer)
      return integer_arithmetic(scope, op, integral(a), integral(b));
    return real_arithmetic(op, real(a), real(b));
  }
  if (op == "+" && a.is_string() && b.is_string()) return a.string() + b.string();
  if (op == "+" && a.is_list() && b.is_list()) {
    Value::List both = a.list();
    both.insert(both.end(), b.list().begin(), b.list().end());
    return both;
  }
  if (op == "*" && (a.is_string() || a.is_list()) && is_integral(b)) return repeat(a, integral(b));
  if (op == "*" && is_integral(a) && (b.is_string() || b.is_list())) return repeat(b, integral(a));
  no_meaning(scope, op, a, b);
}

bool compare(Scope& scope, const std::string& op, const Value& a, const Value& b) {
  if (op == "==") return python::equal(a, b);
  if (op == "!=") return !python::equal(a, b);
  if (op == "in") return contains(scope, b, a);
  if (op == "not in") return !contains(scope, b, a);
  const std::optional<bool> below = python::less(a, b);
  const std::optional<bool> above = python::less(b, a);
  if (!below || !above) no_meaning(scope, op, a, b);
  if (op == "<") return *below;
  if (op == ">") return *above;
  const bool same = python::equal(a, b);
  return op == "<=" ? *below || same : *above || same;
}

Value negate(Scope& scope, const Value& a) {
  if (!is_numeric(a)) scope.fail(cat("'-' has no meaning before ", a.type_name()));
  return a.is_double() ? Value(-a.number()) : Value(-integral(a));
}

std::optional<Value> item(Scope& scope, const Value& of, const Value& index) {
  if (of.is_map() && index.is_string()) {
    if (const Value* found = of.find(index.string())) return *found;
    scope.missing = no_key("key", index.string(), of);
    return std::nullopt;
  }
  if ((of.is_list() || of.is_string()) && is_integral(index)) {
    const int64_t size = static_cast<int64_t>(length(scope, of));
    const int64_t position = integral(index) + (integral(index) < 0 ? size : 0);
    if (position >= 0 && position < size) {
      if (of.is_list()) return of.list()[static_cast<size_t>(position)];
      return from_code_points({decode_utf8(of.string())[static_cast<size_t>(position)]});
    }
    scope.missing = cat("index ", integral(index), " is outside a ", of.type_name(), " of ", size);
    return std::nullopt;
  }
  scope.missing = cat(of.type_name(), " has no member ", python::repr(index));
  return std::nullopt;
}

Value slice(Scope& scope, const Value& of, const Value& start, const Value& stop,
            const Value& step) {
  if (!of.is_list() && !of.is_string()) scope.fail(cat("cannot slice a ", of.type_name()));
  for (const Value& bound : {start, stop, step})
    if (!bound.is_null() && !is_integral(bound)) scope.fail("a slice needs integers");
  const int64_t stride = step.is_null() ? 1 : integral(step);
  if (stride == 0) scope.fail("a slice needs a step other than 0");
  const int64_t size = static_cast<int64_t>(length(scope, of));
  const std::vector<size_t> positions = slice_positions(size, start, stop, stride);
  if (of.is_list()) {
    Value::List list;
    for (size_t i : positions) list.push_back(of.list()[i]);
    return list;
  }
  const std::vector<char32_t> points = decode_utf8(of.string());
  std::vector<char32_t> chosen;
  for (size_t i : positions) chosen.push_back(points[i]);
  return from_code_points(chosen);
}

std::vector<Value> iterate(Scope& scope, const Value& over) {
  if (over.is_list()) return over.list();
  std::vector<Value> items;
  if (over.is_map()) {
    for (const auto& entry : over.map()) items.emplace_back(entry.first);
  } else if (over.is_string()) {
    for (char32_t c : decode_utf8(over.string())) items.emplace_back(from_code_points({c}));
  } else {
    scope.fail(cat("cannot go through a ", over.type_name()));
  }
  return items;
}

size_t length(Scope& scope, const Value& of) {
  if (of.is_string()) return code_points(of.string());
  if (of.is_list()) return of.list().size();
  if (of.is_map()) return of.map().size();
  scope.fail(cat(of.type_name(), " has no length"));
}

}  // namespace evalharness::jinja
