// Methods of strings, lists and maps that templates call, as Python has them.

#include <algorithm>
#include <map>

#include "harness/base/letter_case.h"
#include "tasks/jinja/expression.h"
#include "tasks/jinja/operators.h"
#include "tasks/python.h"

namespace evalharness::jinja {
namespace {

const std::string& self(const Call& call) { return call.subject.string(); }

// Characters to strip: those of the argument, or whitespace where none is given.
bool strips(const Call& call, char32_t c) {
  const Value* characters = call.find(0, "chars");
  if (!characters || characters->is_null()) return is_unicode_whitespace(c);
  const std::vector<char32_t> set = decode_utf8(python::str(*characters));
  return std::find(set.begin(), set.end(), c) != set.end();
}

Value strip_sides(const Call& call, bool left, bool right) {
  const std::vector<char32_t> points = decode_utf8(self(call));
  size_t first = 0, last = points.size();
  while (left && first < last && strips(call, points[first])) ++first;
  while (right && last > first && strips(call, points[last - 1])) --last;
  std::string text;
  for (size_t i = first; i < last; ++i) append_utf8(text, points[i]);
  return text;
}

Value string_strip(const Call& call) { return strip_sides(call, true, true); }
Value string_lstrip(const Call& call) { return strip_sides(call, true, false); }
Value string_rstrip(const Call& call) { return strip_sides(call, false, true); }

Value as_list(const std::vector<std::string>& pieces) {
  return Value::List(pieces.begin(), pieces.end());
}

// split(separator, maxsplit): without a separator between runs of whitespace.
Value string_split(const Call& call) {
  const Value* separator = call.find(0, "sep");
  const int64_t most = call.integer(1, "maxsplit", -1);
  if (!separator || separator->is_null()) {
    if (most >= 0) call.fail("maxsplit needs a separator here");
    return as_list(split_whitespace(self(call)));
  }
  if (python::str(*separator).empty()) call.fail("empty separator");
  const std::string by = call.string(0, "sep");
  std::vector<std::string> pieces = split(self(call), by);
  if (most < 0 || pieces.size() <= static_cast<size_t>(most) + 1) return as_list(pieces);
  const auto rest = pieces.begin() + most;
  std::vector<std::string> kept(pieces.begin(), rest);
  kept.push_back(join(std::vector<std::string>(rest, pieces.end()), by));
  return as_list(kept);
}

Value string_splitlines(const Call& call) {
  std::vector<std::string> lines = split(replace_all(self(call), "\r\n", "\n"), "\n");
  if (lines.back().empty()) lines.pop_back();
  return as_list(lines);
}

Value string_replace(const Call& call) {
  const std::string from = call.string(0, "old"), to = call.string(1, "new");
  int64_t left = call.integer(2, "count", -1);
  if (left < 0 && !from.empty()) return replace_all(self(call), from, to);
  if (from.empty()) call.fail("replacing the empty string is not supported");
  std::string text = self(call);
  for (size_t at = 0; left > 0 && (at = text.find(from, at)) != std::string::npos; --left) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

Value string_join(const Call& call) {
  std::vector<std::string> pieces;
  for (const Value& piece : iterate(call.scope, call.require(0, "iterable"))) {
    if (!piece.is_string()) call.fail(cat("expected strings, got ", piece.type_name()));
    pieces.push_back(piece.string());
  }
  return join(pieces, self(call));
}

Value string_lower(const Call& call) { return lower(self(call)); }
Value string_upper(const Call& call) { return upper(self(call)); }

Value string_capitalize(const Call& call) {
  std::string first, rest;
  for (char32_t c : decode_utf8(self(call))) append_utf8(first.empty() ? first : rest, c);
  return upper(first) + lower(rest);
}

// Every letter after one that is no letter becomes a capital, all others small.
Value string_title(const Call& call) {
  std::string text;
  bool inside = false;
  for (char32_t c : decode_utf8(self(call))) {
    std::string letter;
    append_utf8(letter, c);
    text += inside ? lower(letter) : upper(letter);
    inside = lower(letter) != upper(letter);
  }
  return text;
}

Value string_startswith(const Call& call) {
  return self(call).starts_with(call.string(0, "prefix"));
}
Value string_endswith(const Call& call) { return self(call).ends_with(call.string(0, "suffix")); }

Value string_removeprefix(const Call& call) {
  const std::string prefix = call.string(0, "prefix");
  return self(call).starts_with(prefix) ? self(call).substr(prefix.size()) : self(call);
}

Value string_removesuffix(const Call& call) {
  const std::string suffix = call.string(0, "suffix");
  return self(call).ends_with(suffix) ? self(call).substr(0, self(call).size() - suffix.size())
                                      : self(call);
}

// The position in code points, or -1.
Value string_find(const Call& call) {
  const size_t at = self(call).find(call.string(0, "sub"));
  if (at == std::string::npos) return -1;
  return code_points(std::string_view(self(call)).substr(0, at));
}

Value string_index(const Call& call) {
  const Value at = string_find(call);
  if (at == Value(-1)) call.fail("substring not found");
  return at;
}

Value string_count(const Call& call) {
  const std::string what = call.string(0, "sub");
  return what.empty() ? code_points(self(call)) + 1 : split(self(call), what).size() - 1;
}

Value string_isdigit(const Call& call) { return python::is_digits(self(call)); }

Value list_index(const Call& call) {
  const Value& what = call.require(0, "value");
  const Value::List& list = call.subject.list();
  for (size_t i = 0; i < list.size(); ++i)
    if (python::equal(list[i], what)) return i;
  call.fail(cat(python::repr(what), " is not in the list"));
}

Value list_count(const Call& call) {
  const Value& what = call.require(0, "value");
  const Value::List& list = call.subject.list();
  return static_cast<int64_t>(std::count_if(
      list.begin(), list.end(), [&](const Value& v) { return python::equal(v, what); }));
}

Value map_keys(const Call& call) { return iterate(call.scope, call.subject); }

Value map_values(const Call& call) {
  Value::List values;
  for (const auto& entry : call.subject.map()) values.push_back(entry.second);
  return values;
}

Value map_items(const Call& call) {
  Value::List pairs;
  for (const auto& [key, value] : call.subject.map())
    pairs.push_back(Value(Value::List{Value(key), value}));
  return pairs;
}

Value map_get(const Call& call) {
  const Value* value = call.subject.find(call.string(0, "key"));
  const Value* fallback = call.find(1, "default");
  return value ? *value : fallback ? *fallback : Value();
}

const std::map<std::string, Function>& string_methods() {
  static const std::map<std::string, Function> table = {{"capitalize", string_capitalize},
                                                        {"count", string_count},
                                                        {"endswith", string_endswith},
                                                        {"find", string_find},
                                                        {"index", string_index},
                                                        {"isdigit", string_isdigit},
                                                        {"join", string_join},
                                                        {"lower", string_lower},
                                                        {"lstrip", string_lstrip},
                                                        {"removeprefix", string_removeprefix},
                                                        {"removesuffix", string_removesuffix},
                                                        {"replace", string_replace},
                                                        {"rstrip", string_rstrip},
                                                        {"split", string_split},
                                                        {"splitlines", string_splitlines},
                                                        {"startswith", string_startswith},
                                                        {"strip", string_strip},
                                                        {"title", string_title},
                                                        {"upper", string_upper}};
  return table;
}
const std::map<std::string, Function>& list_methods() {
  static const std::map<std::string, Function> table = {{"count", list_count},
                                                        {"index", list_index}};
  return table;
}
const std::map<std::string, Function>& map_methods() {
  static const std::map<std::string, Function> table = {
      {"get", map_get}, {"items", map_items}, {"keys", map_keys}, {"values", map_values}};
  return table;
}

}  // namespace

Value call_method(const Call& call) {
  static const std::map<std::string, Function> none;
  const auto& table = call.subject.is_string() ? string_methods()
                      : call.subject.is_list() ? list_methods()
                      : call.subject.is_map()  ? map_methods()
                                               : none;
  const auto found = table.find(call.name);
  if (found != table.end()) return found->second(call);
  call.scope.fail(cat("a ", call.subject.type_name(), " has no method '", call.name, "'",
                      did_you_mean(call.name, keys_of(table))));
}

}  // namespace evalharness::jinja
