#include "tasks/jinja/loop.h"

#include <utility>

#include "tasks/jinja/operators.h"

namespace evalharness::jinja {
namespace {

Value loop_variable(const std::vector<Value>& items, size_t i) {
  Value loop{Value::Map{}};
  loop.set("index", i + 1);
  loop.set("index0", i);
  loop.set("revindex", items.size() - i);
  loop.set("revindex0", items.size() - i - 1);
  loop.set("first", i == 0);
  loop.set("last", i + 1 == items.size());
  loop.set("length", items.size());
  if (i > 0) loop.set("previtem", items[i - 1]);
  if (i + 1 < items.size()) loop.set("nextitem", items[i + 1]);
  return loop;
}

}  // namespace

void run(const Block& block, Scope& scope) {
  for (const Action& action : block) {
    action(scope);
    if (scope.flow != Scope::Flow::kOn) return;  // on the way out of a loop's turn
  }
}

void assign(Scope& scope, const std::vector<std::string>& names, const Value& value) {
  if (names.size() == 1) return scope.set(names[0], value);
  const std::vector<Value> items = iterate(scope, value);
  if (items.size() != names.size())
    scope.fail(
        cat("expected ", names.size(), " values for ", join(names, ", "), ", got ", items.size()));
  for (size_t i = 0; i < names.size(); ++i) scope.set(names[i], items[i]);
}

std::vector<Value> Loop::items(Scope& scope) const {
  const std::optional<Value> given = over.look_up(scope);
  if (!given) return {};
  const std::vector<Value> all = iterate(scope, *given);
  if (!condition) return all;
  std::vector<Value> chosen;
  for (const Value& item : all) {
    scope.enter();
    assign(scope, names, item);
    if (condition->truth(scope)) chosen.push_back(item);
    scope.leave();
  }
  return chosen;
}

void Loop::operator()(Scope& scope) const {
  const std::vector<Value> all = items(scope);
  for (size_t i = 0; i < all.size(); ++i) {
    scope.enter();
    scope.set("loop", loop_variable(all, i));
    assign(scope, names, all[i]);
    run(body, scope);
    scope.leave();
    const bool ended = std::exchange(scope.flow, Scope::Flow::kOn) == Scope::Flow::kBreak;
    if (ended) break;
  }
  if (all.empty()) run(otherwise, scope);
}

}  // namespace evalharness::jinja
