// ast.literal_eval: what str() of a list printed, read back.

#include <cctype>
#include <charconv>

#include "harness/base/text.h"
#include "tasks/python.h"

namespace evalharness::python {
namespace {

// A recursive descent over the text. Every function returns false at the first thing that is no
// literal.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Value> whole() {
    Value value;
    // literal_eval strips spaces and tabs on the left; what follows the value may be any
    // whitespace.
    if (!read(value)) return std::nullopt;
    skip_space();
    return at_ == text_.size() ? std::optional<Value>(value) : std::nullopt;
  }

 private:
  bool read(Value& value) {
    skip_space();
    if (at_ == text_.size()) return false;
    const char c = text_[at_];
    if (c == '\'' || c == '"') return read_strings(value);
    if (c == '[') return read_list(value, ']');
    if (c == '(') return read_list(value, ')');
    if (c == '{') return read_map(value);
    return read_word("True", Value(true), value) || read_word("False", Value(false), value) ||
           read_word("None", Value(), value) || read_number(value);
  }

  bool read_word(std::string_view word, Value meaning, Value& value) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    value = std::move(meaning);
    return true;
  }

  bool read_number(Value& value) {
    size_t end = at_;
    bool fraction = false;
    while (end < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[end])) ||
            std::string_view("+-.").find(text_[end]) != std::string_view::npos)) {
      fraction |= text_[end] == '.' || text_[end] == 'e' || text_[end] == 'E';
      ++end;
    }
    const char* const first = text_.data() + at_ + (end > at_ && text_[at_] == '+');
    const char* const last = text_.data() + end;
    int64_t integer = 0;
    double number = 0;
    const auto result =
        fraction ? std::from_chars(first, last, number) : std::from_chars(first, last, integer);
    if (result.ec != std::errc() || result.ptr != last) return false;
    const bool has_leading_zero = *(first + (*first == '-')) == '0';  // Python takes 00 for 0, and no 07
    if (!fraction && integer != 0 && has_leading_zero) return false;
    value = fraction ? Value(number) : Value(integer);
    at_ = end;
    return true;
  }

  // Strings side by side are one.
  bool read_strings(Value& value) {
    std::string all;
    while (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
      if (!read_string(all)) return false;
      skip_space();
    }
    value = Value(std::move(all));
    return true;
  }

  bool read_string(std::string& all) {
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\n') return false;
      if (text_[at_] == '\\' ? !read_escape(all) : !(all += text_[at_++], true)) return false;
    }
    return at_++ < text_.size();
  }

  bool read_escape(std::string& all) {
    if (++at_ == text_.size()) return false;
    const char c = text_[at_++];
    constexpr std::string_view kNames = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
    const size_t known = kNames.find(c);
    if (known != std::string_view::npos) return all += kMeanings[known], true;
    if (c == '\n') return true;
    if (c == 'x') return read_code_point(all, 2);
    if (c == 'u') return read_code_point(all, 4);
    if (c == 'U') return read_code_point(all, 8);
    (all += '\\') += c;  // an unknown escape stays as it is
    return true;
  }

  bool read_code_point(std::string& all, size_t digits) {
    uint32_t code = 0;
    const std::string_view hex = text_.substr(at_, digits);
    const auto result = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    if (hex.size() != digits || result.ptr != hex.data() + hex.size()) return false;
    append_utf8(all, static_cast<char32_t>(code));
    at_ += digits;
    return true;
  }

  bool read_list(Value& value, char close) {
    Value::List list;
    bool comma = true;
    ++at_;
    while (skip_space(), at_ < text_.size() && text_[at_] != close) {
      if (!comma) return false;
      list.emplace_back();
      if (!read(list.back())) return false;
      comma = skip(',');
    }
    if (at_++ == text_.size()) return false;
    // Brackets around one value without a comma only group.
    if (close == ')' && list.size() == 1 && !comma) return value = Value(list.front()), true;
    value = Value(std::move(list));
    return true;
  }

  bool read_map(Value& value) {
    Value map{Value::Map{}};
    bool comma = true;
    ++at_;
    while (skip_space(), at_ < text_.size() && text_[at_] != '}') {
      Value key, item;
      if (!comma || !read(key) || !key.is_string() || !skip(':') || !read(item)) return false;
      map.set(key.string(), std::move(item));
      comma = skip(',');
    }
    value = std::move(map);
    return at_++ < text_.size();
  }

  bool skip(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<Value> literal(std::string_view text) { return Reader(text).whole(); }

}  // namespace evalharness::python
