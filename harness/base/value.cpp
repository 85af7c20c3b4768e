#include "harness/base/value.h"

#include "harness/base/error.h"

namespace evalharness {

const char* Value::type_name() const {
  static constexpr const char* kNames[] = {"null",   "boolean", "integer", "number",
                                           "string", "list",    "map"};
  return kNames[data_.index()];
}

const Value* Value::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (const auto& [name, value] : map())
    if (name == key) return &value;
  return nullptr;
}

Value& Value::set(std::string_view key, Value value) {
  if (is_null()) data_ = Map();
  EH_ASSERT(is_map());
  for (auto& [name, old] : map())
    if (name == key) return old = std::move(value);
  return map().emplace_back(std::string(key), std::move(value)).second;
}

Value& Value::push(Value value) {
  if (is_null()) data_ = List();
  EH_ASSERT(is_list());
  return list().emplace_back(std::move(value));
}

}  // namespace evalharness
