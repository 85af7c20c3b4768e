// Typed reads of a JSON object out of a file that is not believed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/base/value.h"

namespace evalharness {

// A view of `object`, which must outlive it. Errors: "config.json: key 'hidden_size': expected
// ...".
class JsonFields {
 public:
  // Fails unless `object` is a map. `prefix` is put before keys in errors: "rope_scaling.".
  JsonFields(const Value& object, std::string where, std::string prefix = "");

  // A null value counts as a missing key.
  const Value* find(std::string_view key) const;
  const Value& at(std::string_view key) const;
  size_t count(std::string_view key) const;  // an integer >= 0
  size_t count(std::string_view key, size_t fallback) const;
  double number(std::string_view key) const;
  double number(std::string_view key, double fallback) const;
  bool flag(std::string_view key) const;
  bool flag(std::string_view key, bool fallback) const;
  const Value::List& list(std::string_view key) const;
  std::string text(std::string_view key) const;
  std::optional<std::string> find_text(std::string_view key) const;
  JsonFields object(std::string_view key) const;
  std::optional<JsonFields> find_object(std::string_view key) const;
  const std::string& where() const { return where_; }
  [[noreturn]] void fail(std::string_view key, const std::string& text) const;

 private:
  const Value* object_;
  std::string where_, prefix_;
};

}  // namespace evalharness
