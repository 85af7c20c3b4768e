#include "harness/base/json.h"

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr size_t kMaxDepth = 500;  // a Value is destroyed by recursion

// "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while parsing
// value - invalid literal" is "at line 1, column 5: while parsing value - invalid literal" here.
std::string reason_of(const nlohmann::json::exception& error) {
  std::string text = error.what();
  text.erase(0, text.find("] ") + 2);
  text = replace_all(text, "parse error at ", "at ");
  return replace_all(text, "syntax error ", "");
}

// The last of equal keys wins, in the place of the first.
void drop_replaced_keys(Value::Map& map) {
  std::unordered_map<std::string_view, size_t> first;
  bool repeated = false;
  for (size_t i = 0; i < map.size(); ++i) {
    const auto [at, is_first] = first.emplace(map[i].first, i);
    if (is_first) continue;
    map[at->second].second = std::move(map[i].second);
    repeated = true;
  }
  if (!repeated) return;
  Value::Map kept;
  for (size_t i = 0; i < map.size(); ++i)
    if (first.at(map[i].first) == i) kept.push_back(map[i]);
  map = std::move(kept);
}

// Builds a Value from the parser's events. (Its own document type would cost a copy, and looks a
// repeated key up in a time that grows with the square of a vocabulary.)
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const std::string& where) : where_(where) {}

  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return add(static_cast<double>(value));
    return add(static_cast<int64_t>(value));
  }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Value(Value::Map())); }
  bool start_array(size_t) override { return open(Value(Value::List())); }
  bool end_object() override {
    drop_replaced_keys(open_.back()->map());
    return close();
  }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    open_.back()->map().emplace_back(std::move(name), Value());
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) override {
    fail(cat(where_, ": invalid JSON: ", reason_of(error)));
  }

  Value take() { return std::move(root_); }

 private:
  Value& place(Value value) {
    if (open_.empty()) return root_ = std::move(value);
    Value& parent = *open_.back();
    if (parent.is_list()) return parent.push(std::move(value));
    return parent.map().back().second = std::move(value);
  }
  bool add(Value value) {
    place(std::move(value));
    return true;
  }
  bool open(Value value) {
    if (open_.size() == kMaxDepth)
      fail(cat(where_, ": invalid JSON: expected at most ", kMaxDepth, " levels, got more"));
    open_.push_back(&place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& where_;
  Value root_;
  // Each is inside the one before it. A parent grows only while its last child is not open, so the
  // pointers stay valid.
  std::vector<Value*> open_;
};

void append_escaped(std::string& to, char c) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  switch (c) {
    case '"':
      to += "\\\"";
      return;
    case '\\':
      to += "\\\\";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    case '\t':
      to += "\\t";
      return;
    case '\b':
      to += "\\b";
      return;
    case '\f':
      to += "\\f";
      return;
    default:
      break;
  }
  if (static_cast<uint8_t>(c) >= 0x20) {
    to += c;
    return;
  }
  to += "\\u00";
  to += kDigits[static_cast<uint8_t>(c) >> 4];
  to += kDigits[static_cast<uint8_t>(c) & 15];
}

std::string with_valid_utf8(const std::string& text) {
  std::string valid;
  for (const char32_t code : decode_utf8(text)) append_utf8(valid, code);
  return valid;
}

class Printer {
 public:
  explicit Printer(int indent) : indent_(indent) {}

  void print(const Value& value, size_t depth) {
    if (value.is_null()) text_ += "null";
    if (value.is_bool()) text_ += value.boolean() ? "true" : "false";
    if (value.is_int()) text_ += std::to_string(value.integer());
    if (value.is_double()) print_double(value.number());
    if (value.is_string()) print_string(value.string());
    if (value.is_list()) print_list(value.list(), depth);
    if (value.is_map()) print_map(value.map(), depth);
  }
  std::string take() { return std::move(text_); }

 private:
  void print_double(double value) {
    EH_ASSERT(std::isfinite(value));
    const std::string text = number_text(value);
    text_ += text;
    // Without this, 1.0 would read back as an integer.
    if (text.find_first_of(".e") == std::string::npos) text_ += ".0";
  }
  void print_string(const std::string& text) {
    text_ += '"';
    if (is_valid_utf8(text)) {
      for (const char c : text) append_escaped(text_, c);
    } else {
      for (const char c : with_valid_utf8(text)) append_escaped(text_, c);
    }
    text_ += '"';
  }
  void print_list(const Value::List& list, size_t depth) {
    text_ += '[';
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) text_ += ',';
      new_line(depth + 1);
      print(list[i], depth + 1);
    }
    if (!list.empty()) new_line(depth);
    text_ += ']';
  }
  void print_map(const Value::Map& map, size_t depth) {
    text_ += '{';
    for (size_t i = 0; i < map.size(); ++i) {
      if (i > 0) text_ += ',';
      new_line(depth + 1);
      print_string(map[i].first);
      text_ += indent_ < 0 ? ":" : ": ";
      print(map[i].second, depth + 1);
    }
    if (!map.empty()) new_line(depth);
    text_ += '}';
  }
  void new_line(size_t depth) {
    if (indent_ < 0) return;
    text_ += '\n';
    text_.append(depth * static_cast<size_t>(indent_), ' ');
  }

  int indent_;
  std::string text_;
};

}  // namespace

Value parse_json(std::string_view text, const std::string& where) {
  Builder builder(where);
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::string to_json(const Value& value, int indent) {
  Printer printer(indent);
  printer.print(value, 0);
  return printer.take();
}

}  // namespace evalharness
