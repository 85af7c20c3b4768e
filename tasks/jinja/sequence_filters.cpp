// Filters of Jinja2 that take several values: lists, the keys of maps, the characters of strings.

#include <algorithm>
#include <map>

#include "harness/base/letter_case.h"
#include "tasks/jinja/expression.h"
#include "tasks/jinja/operators.h"
#include "tasks/python.h"

namespace evalharness::jinja {
namespace {

// With attribute='a.b': each item's member; a member may be missing only where the filter says so.
Value member_of(const Call& call, const Value& value, const std::string& path) {
  Value found = value;
  for (const std::string& step : split(path, ".")) {
    const Value key =
        python::is_digits(step) ? Value(static_cast<int64_t>(std::stoll(step))) : Value(step);
    std::optional<Value> next = item(call.scope, found, key);
    if (!next) call.fail(call.scope.missing);
    found = *std::move(next);
  }
  return found;
}

std::vector<Value> items_of(const Call& call) { return iterate(call.scope, call.subject); }

std::vector<Value> items_by_attribute(const Call& call, size_t index) {
  std::vector<Value> items = items_of(call);
  const Value* attribute = call.find(index, "attribute");
  if (attribute && !attribute->is_null())
    for (Value& value : items) value = member_of(call, value, python::str(*attribute));
  return items;
}

Value filter_list(const Call& call) { return items_of(call); }
Value filter_length(const Call& call) { return length(call.scope, call.subject); }

Value filter_join(const Call& call) {
  const std::string separator = call.find(0, "d") ? python::str(*call.find(0, "d")) : "";
  std::vector<std::string> pieces;
  for (const Value& value : items_by_attribute(call, 1)) pieces.push_back(python::str(value));
  return join(pieces, separator);
}

// map(attribute='x', default=...) or map('filter', arguments...).
Value filter_map(const Call& call) {
  Value::List results;
  if (const Value* attribute = call.find(99, "attribute")) {
    const std::string path = python::str(*attribute);
    for (const Value& value : items_of(call)) results.push_back(member_of(call, value, path));
    return results;
  }
  const std::string name = call.string(0, "filter");
  const Function function = find_filter(name, Tokens({}, "map"));
  for (const Value& value : items_of(call)) {
    Call inner{call.scope, name,    value, {call.positional.begin() + 1, call.positional.end()},
               call.named, "filter"};
    results.push_back(function(inner));
  }
  return results;
}

bool passes(const Call& call, const Value& value, size_t first) {
  if (call.positional.size() <= first) return python::truth(value);
  const std::string name = call.string(first, "test");
  const auto rest = call.positional.begin() + static_cast<std::ptrdiff_t>(first) + 1;
  return find_test(name, Tokens({}, call.name))(
             Call{call.scope, name, value, {rest, call.positional.end()}, {}, "test"})
      .boolean();
}

Value choose(const Call& call, bool by_attribute, bool wanted) {
  Value::List chosen;
  for (const Value& value : items_of(call)) {
    const Value judged = by_attribute ? member_of(call, value, call.string(0, "attribute")) : value;
    if (passes(call, judged, by_attribute ? 1 : 0) == wanted) chosen.push_back(value);
  }
  return chosen;
}

Value filter_select(const Call& call) { return choose(call, false, true); }
Value filter_reject(const Call& call) { return choose(call, false, false); }
Value filter_selectattr(const Call& call) { return choose(call, true, true); }
Value filter_rejectattr(const Call& call) { return choose(call, true, false); }

Value filter_first(const Call& call) {
  const std::vector<Value> items = items_of(call);
  if (items.empty()) call.fail("there is no first of nothing");
  return items.front();
}

Value filter_last(const Call& call) {
  const std::vector<Value> items = items_of(call);
  if (items.empty()) call.fail("there is no last of nothing");
  return items.back();
}

Value filter_sum(const Call& call) {
  Value total = call.find(1, "start") ? *call.find(1, "start") : Value(0);
  for (const Value& value : items_by_attribute(call, 0))
    total = arithmetic(call.scope, "+", total, value);
  return total;
}

// Text compares without case unless case_sensitive is given, as Jinja's filters do.
Value folded(const Value& value, bool case_sensitive) {
  return value.is_string() && !case_sensitive ? Value(lower(value.string())) : value;
}

bool before(const Call& call, const Value& a, const Value& b, bool case_sensitive) {
  return compare(call.scope, "<", folded(a, case_sensitive), folded(b, case_sensitive));
}

Value filter_sort(const Call& call) {
  std::vector<Value> items = items_of(call);
  const Value* attribute = call.find(2, "attribute");
  const auto key = [&](const Value& v) {
    return attribute ? member_of(call, v, python::str(*attribute)) : v;
  };
  const bool reverse = call.flag(0, "reverse", false),
             sensitive = call.flag(1, "case_sensitive", false);
  std::stable_sort(items.begin(), items.end(), [&](const Value& a, const Value& b) {
    return reverse ? before(call, key(b), key(a), sensitive)
                   : before(call, key(a), key(b), sensitive);
  });
  return items;
}

Value extreme(const Call& call, bool smallest) {
  const std::vector<Value> items = items_of(call);
  if (items.empty()) call.fail("there is none of nothing");
  const bool sensitive = call.flag(0, "case_sensitive", false);
  Value best = items.front();
  for (const Value& value : items)
    if (smallest ? before(call, value, best, sensitive) : before(call, best, value, sensitive))
      best = value;
  return best;
}

Value filter_min(const Call& call) { return extreme(call, true); }
Value filter_max(const Call& call) { return extreme(call, false); }

Value filter_reverse(const Call& call) {
  std::vector<Value> items = items_of(call);
  std::reverse(items.begin(), items.end());
  if (!call.subject.is_string()) return items;
  std::string text;
  for (const Value& value : items) text += value.string();
  return text;
}

Value filter_unique(const Call& call) {
  const bool sensitive = call.flag(0, "case_sensitive", false);
  Value::List kept;
  const auto same = [&](const Value& a, const Value& b) {
    return python::equal(folded(a, sensitive), folded(b, sensitive));
  };
  for (const Value& value : items_of(call))
    if (std::none_of(kept.begin(), kept.end(), [&](const Value& k) { return same(k, value); }))
      kept.push_back(value);
  return kept;
}

}  // namespace

const std::map<std::string, Function>& sequence_filters() {
  static const std::map<std::string, Function> table = {{"count", filter_length},
                                                        {"first", filter_first},
                                                        {"join", filter_join},
                                                        {"last", filter_last},
                                                        {"length", filter_length},
                                                        {"list", filter_list},
                                                        {"map", filter_map},
                                                        {"max", filter_max},
                                                        {"min", filter_min},
                                                        {"reject", filter_reject},
                                                        {"rejectattr", filter_rejectattr},
                                                        {"reverse", filter_reverse},
                                                        {"select", filter_select},
                                                        {"selectattr", filter_selectattr},
                                                        {"sort", filter_sort},
                                                        {"sum", filter_sum},
                                                        {"unique", filter_unique}};
  return table;
}

}  // namespace evalharness::jinja
