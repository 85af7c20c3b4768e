// A value of a JSON file together with its place, for errors that say where.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/value.h"

namespace evalharness {

// Borrows the value. Keys that hold null count as missing.
class JsonPlace {
 public:
  JsonPlace(const Value& value, std::string where) : value_(&value), where_(std::move(where)) {}

  const Value& value() const { return *value_; }
  const std::string& where() const { return where_; }

  std::optional<JsonPlace> find(std::string_view key) const;
  JsonPlace at(std::string_view key) const;
  std::vector<JsonPlace> items() const;  // of a list

  const std::string& string() const;
  int64_t integer() const;
  bool boolean() const;
  std::string string_or(std::string_view key, std::string_view missing) const;
  bool boolean_or(std::string_view key, bool missing) const;

  void reject_keys_but(std::initializer_list<std::string_view> known) const;
  [[noreturn]] void fail_here(std::string_view message) const;
  [[noreturn]] void fail_unsupported(std::string_view name, std::string_view supported) const;

 private:
  const Value* value_;
  std::string where_;  // "tokenizer.json: model.merges[3]"
};

}  // namespace evalharness
