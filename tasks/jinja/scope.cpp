#include "tasks/jinja/scope.h"

#include <algorithm>
#include <iterator>

namespace evalharness::jinja {

std::string no_key(const char* what, std::string_view key, const Value& map) {
  std::vector<std::string> keys = keys_of(map.map());
  std::sort(keys.begin(), keys.end());
  return cat("no ", what, " '", key, "'", did_you_mean(key, keys), "; there are: ", join(keys, " "));
}

const Value* Scope::find(std::string_view name) const {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (const Value* value = frame->variables.find(name)) return value;
    if (frame->hidden.contains(name)) return nullptr;
  }
  return fields_.find(name);
}

const Macro* Scope::find_macro(const std::string& name) const {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame)
    if (const auto found = frame->macros.find(name); found != frame->macros.end()) return found->second;
  return nullptr;
}

Scope::Inside::Inside(Scope& scope, const std::string& macro) : scope_(scope) {
  std::vector<Frame>& frames = scope.frames_;
  size_t around = frames.size();
  while (!frames[around - 1].macros.contains(macro)) --around;
  const auto first = frames.begin() + static_cast<std::ptrdiff_t>(around);
  std::move(first, frames.end(), std::back_inserter(of_caller_));
  frames.erase(first, frames.end());
  scope.enter();
  ++scope.open_macros_;
}

Scope::Inside::~Inside() {
  scope_.leave();
  std::move(of_caller_.begin(), of_caller_.end(), std::back_inserter(scope_.frames_));
  --scope_.open_macros_;
}

void Scope::set_member(std::string_view space, std::string_view name, Value value) {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    const Value* found = frame->variables.find(space);
    if (!found) continue;
    Value changed = *found;
    if (!changed.is_map()) break;
    changed.set(name, std::move(value));
    frame->variables.set(space, std::move(changed));
    return;
  }
  fail(cat("'", space, "' is no namespace"));
}

std::string Scope::no_field(std::string_view name) const {
  return no_key("field", name, fields_);
}

}  // namespace evalharness::jinja
