#include "harness/model/tokenizer/json_place.h"

#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {

std::optional<JsonPlace> JsonPlace::find(std::string_view key) const {
  if (!value_->is_map()) fail_here(cat("expected a map, got ", value_->type_name()));
  const Value* found = value_->find(key);
  if (found == nullptr || found->is_null()) return std::nullopt;
  return JsonPlace(*found, cat(where_, where_.ends_with(": ") ? "" : ".", key));
}

JsonPlace JsonPlace::at(std::string_view key) const {
  const std::optional<JsonPlace> found = find(key);
  if (!found) fail_here(cat("missing key '", key, "'"));
  return *found;
}

std::vector<JsonPlace> JsonPlace::items() const {
  if (!value_->is_list()) fail_here(cat("expected a list, got ", value_->type_name()));
  std::vector<JsonPlace> places;
  for (const Value& item : value_->list()) {
    places.emplace_back(item, cat(where_, "[", places.size(), "]"));
  }
  return places;
}

const std::string& JsonPlace::string() const {
  if (!value_->is_string()) fail_here(cat("expected a string, got ", value_->type_name()));
  return value_->string();
}

int64_t JsonPlace::integer() const {
  if (!value_->is_int()) fail_here(cat("expected an integer, got ", value_->type_name()));
  return value_->integer();
}

bool JsonPlace::boolean() const {
  if (!value_->is_bool()) fail_here(cat("expected true or false, got ", value_->type_name()));
  return value_->boolean();
}

std::string JsonPlace::string_or(std::string_view key, std::string_view missing) const {
  const std::optional<JsonPlace> found = find(key);
  return found ? found->string() : std::string(missing);
}

bool JsonPlace::boolean_or(std::string_view key, bool missing) const {
  const std::optional<JsonPlace> found = find(key);
  return found ? found->boolean() : missing;
}

void JsonPlace::reject_keys_but(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, value] : value_->map()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    fail_here(cat("unsupported key '", key, "'", did_you_mean(key, names)));
  }
}

void JsonPlace::fail_here(std::string_view message) const {
  fail(cat(where_, where_.ends_with(": ") ? "" : ": ", message));
}

void JsonPlace::fail_unsupported(std::string_view name, std::string_view supported) const {
  fail_here(cat("unsupported '", name, "'; supported: ", supported));
}

}  // namespace evalharness
