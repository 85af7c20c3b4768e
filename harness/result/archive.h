// Structs to JSON-like values and back, from one description of their fields:
//
//     void visit(auto& archive, Like<LayerReport> auto& layer) {
//       archive("name", layer.name);
//       archive("sparsity", layer.sparsity);
//     }
//
// serves Writer and Reader both. Every field is written always and asked for always; a key that no
// field has is an error. Private to harness/result.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/base/value.h"

namespace evalharness {

// `Plain` itself or const: the writer walks const structs, the reader mutable ones.
template <class T, class Plain>
concept Like = std::same_as<std::remove_const_t<T>, Plain>;

// Path of a field from the root: "variants[0].size".
inline std::string child(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

// Log-probabilities may be infinite or no number at all, and must come back the same: "nan", "inf",
// "-inf".
Value from_log_prob(double number);
Value from_log_prob(float number);  // the shortest double that rounds to the same float
// Generated text may end within a character; JSON holds valid UTF-8 only: {"hex": "f09f"}.
Value from_bytes(const std::string& bytes);

class Writer {
 public:
  explicit Writer(std::string path) : path_(std::move(path)) {}

  template <class T>
  void operator()(const char* key, const T& field) {
    map_.emplace_back(key, write(field, child(path_, key)));
  }
  void log_prob(const char* key, double field) { map_.emplace_back(key, from_log_prob(field)); }
  void log_probs(const char* key, const std::vector<float>& fields) {
    Value::List list;
    for (const float field : fields) list.push_back(from_log_prob(field));
    map_.emplace_back(key, std::move(list));
  }
  void bytes(const char* key, const std::vector<std::string>& fields) {
    Value::List list;
    for (const std::string& field : fields) list.push_back(from_bytes(field));
    map_.emplace_back(key, std::move(list));
  }

  template <class Record>
  static Value write(const Record& record, const std::string& path) {
    Writer writer(path);
    visit(writer, record);
    return std::move(writer.map_);
  }
  static Value write(const std::string& field, const std::string&) { return field; }
  static Value write(bool field, const std::string&) { return field; }
  static Value write(const std::unsigned_integral auto& field, const std::string&) {
    return static_cast<size_t>(field);
  }
  static Value write(double field, const std::string& path) {
    if (!std::isfinite(field)) fail(cat(path, ": expected a finite number, got ", field));
    return field;
  }
  static Value write(const std::optional<double>& field, const std::string&) {
    return field && std::isfinite(*field) ? Value(*field) : Value();
  }
  // A method may report a loss that is no number; its name survives as text.
  static Value write(const Value& field, const std::string& path) {
    if (field.is_double() && !std::isfinite(field.number())) return number_text(field.number());
    if (field.is_list()) return write(field.list(), path);
    Value copy = field;
    if (field.is_map())
      for (auto& [key, item] : copy.map()) item = write(item, child(path, key));
    return copy;
  }
  template <class T>
  static Value write(const std::vector<T>& list, const std::string& path) {
    Value::List items;
    for (const T& item : list) items.push_back(write(item, cat(path, "[", items.size(), "]")));
    return items;
  }
  template <class T>
  static Value write(const std::map<std::string, T>& map, const std::string& path) {
    Value::Map items;
    for (const auto& [key, item] : map) items.emplace_back(key, write(item, child(path, key)));
    return items;
  }

 private:
  std::string path_;
  Value::Map map_;
};

// A value and where it stands: "record.json", "variants[0].size".
struct Place {
  const Value& value;
  const std::string& path;
  const std::string& where;

  [[noreturn]] void fail_here(const std::string& text) const {
    fail(cat(where, ": ", path, path.empty() ? "" : ": ", text));
  }
  void expect(bool fits, const char* expected) const {
    if (!fits) fail_here(cat("expected ", expected, ", got ", value.type_name()));
  }
};

double to_log_prob(const Place& at);
std::string to_bytes(const Place& at);

class Reader {
 public:
  explicit Reader(const Place& at) : at_(at) { at.expect(at.value.is_map(), "a map"); }

  template <class T>
  void operator()(const char* key, T& field) {
    read({ask(key), child(at_.path, key), at_.where}, field);
  }
  void log_prob(const char* key, double& field) {
    field = to_log_prob({ask(key), child(at_.path, key), at_.where});
  }
  void log_probs(const char* key, std::vector<float>& fields) {
    each({ask(key), child(at_.path, key), at_.where},
         [&](const Place& at) { fields.push_back(static_cast<float>(to_log_prob(at))); });
  }
  void bytes(const char* key, std::vector<std::string>& fields) {
    each({ask(key), child(at_.path, key), at_.where},
         [&](const Place& at) { fields.push_back(to_bytes(at)); });
  }

  template <class Record>
  static void read(const Place& at, Record& record) {
    Reader reader(at);
    visit(reader, record);
    reader.reject_unknown();
  }
  static void read(const Place& at, Value& field) { field = at.value; }
  static void read(const Place& at, std::string& field) {
    at.expect(at.value.is_string(), "a string");
    field = at.value.string();
  }
  static void read(const Place& at, bool& field) {
    at.expect(at.value.is_bool(), "a boolean");
    field = at.value.boolean();
  }
  static void read(const Place& at, std::unsigned_integral auto& field) {
    at.expect(at.value.is_int() && at.value.integer() >= 0, "an integer >= 0");
    field = static_cast<std::remove_cvref_t<decltype(field)>>(at.value.integer());
  }
  static void read(const Place& at, double& field) {
    at.expect(at.value.is_number(), "a number");
    field = at.value.number();
  }
  static void read(const Place& at, std::optional<double>& field) {
    at.expect(at.value.is_number() || at.value.is_null(), "a number or null");
    if (at.value.is_number()) field = at.value.number();
  }
  template <class T>
  static void read(const Place& at, std::vector<T>& field) {
    each(at, [&](const Place& item) { read(item, field.emplace_back()); });
  }
  template <class T>
  static void read(const Place& at, std::map<std::string, T>& field) {
    at.expect(at.value.is_map(), "a map");
    for (const auto& [key, item] : at.value.map())
      read({item, child(at.path, key), at.where}, field[key]);
  }

 private:
  const Value& ask(const char* key) {
    known_.emplace_back(key);
    const Value* found = at_.value.find(key);
    if (found == nullptr) at_.fail_here(cat("missing key '", key, "'"));
    return *found;
  }
  template <class Body>
  static void each(const Place& at, Body body) {
    at.expect(at.value.is_list(), "a list");
    size_t index = 0;
    for (const Value& item : at.value.list())
      body({item, cat(at.path, "[", index++, "]"), at.where});
  }
  void reject_unknown() const {
    for (const auto& [key, item] : at_.value.map())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        at_.fail_here(cat("unknown key '", key, "'", did_you_mean(key, known_)));
  }

  const Place& at_;
  std::vector<std::string> known_;
};

}  // namespace evalharness
