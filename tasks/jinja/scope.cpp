#include "tasks/jinja/scope.h"

#include <algorithm>

namespace evalharness::jinja {

std::string no_key(const char* what, std::string_view key, const Value& map) {
  std::vector<std::string> keys = keys_of(map.map());
  std::sort(keys.begin(), keys.end());
  return cat("no ", what, " '", key, "'", did_you_mean(key, keys), "; there are: ", join(keys, " "));
}

const Value* Scope::find(std::string_view name) const {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame)
    if (const Value* value = frame->find(name)) return value;
  return fields_.find(name);
}

void Scope::set_member(std::string_view space, std::string_view name, Value value) {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    const Value* found = frame->find(space);
    if (!found) continue;
    Value changed = *found;
    if (!changed.is_map()) break;
    changed.set(name, std::move(value));
    frame->set(space, std::move(changed));
    return;
  }
  fail(cat("'", space, "' is no namespace"));
}

std::string Scope::no_field(std::string_view name) const {
  return no_key("field", name, fields_);
}

}  // namespace evalharness::jinja
