#include "harness/base/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <regex>

#include "harness/base/text.h"

namespace evalharness {
namespace {

// std::regex recurses once a character; no number is longer.
constexpr size_t kLongestNumber = 200;

bool matches(const std::string& text, const std::regex& pattern) {
  return text.size() <= kLongestNumber && std::regex_match(text, pattern);
}

bool is_one_of(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words)
    if (text == word) return true;
  return false;
}

struct Signed {
  double sign;
  std::string digits;
};

Signed split_sign(const std::string& text) {
  if (text[0] == '-') return {-1, text.substr(1)};
  return {1, text[0] == '+' ? text.substr(1) : text};
}

double decimal(const std::string& digits) {
  double value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  // Too large: value is left alone. (Too small, below 5e-324, ends here too.)
  if (end.ec == std::errc::result_out_of_range)
    return digits.find("e-") == std::string::npos ? std::numeric_limits<double>::infinity() : 0;
  return value;
}

// An integer where it fits, a number where it does not (Python would go on with long integers),
// none without any digit.
std::optional<Value> whole(const Signed& number, int base) {
  const std::string text = cat(number.sign < 0 ? "-" : "", number.digits);
  int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (end.ec == std::errc::invalid_argument) return std::nullopt;
  if (end.ec == std::errc()) return Value(value);
  double large = 0;
  for (const char c : number.digits)
    large = large * base + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  return Value(number.sign * large);
}

// "1:30" is 90: digits in base 60.
double sexagesimal(const std::string& digits) {
  double value = 0;
  for (const std::string& part : split(digits, ":")) value = value * 60 + decimal(part);
  return value;
}

Value finite_or_text(double value, const std::string& text) {
  return std::isfinite(value) ? Value(value) : Value(text);
}

// PyYAML's constructor of integers, after its resolver has matched.
std::optional<Value> yaml_1_1_integer(const std::string& text) {
  const Signed number = split_sign(replace_all(text, "_", ""));
  const std::string& digits = number.digits;
  if (digits.find(':') != std::string::npos)
    return Value(static_cast<int64_t>(number.sign * sexagesimal(digits)));
  if (digits.starts_with("0b")) return whole({number.sign, digits.substr(2)}, 2);
  if (digits.starts_with("0x")) return whole({number.sign, digits.substr(2)}, 16);
  return whole(number, digits[0] == '0' ? 8 : 10);
}

double yaml_1_1_number(const std::string& text) {
  const Signed number = split_sign(replace_all(text, "_", ""));
  if (number.digits.find(':') != std::string::npos) return number.sign * sexagesimal(number.digits);
  return number.sign * decimal(number.digits);
}

// The line breaks that end the quoted scalar at `at`: escapes \n, and what folding leaves of those in the source.
std::string last_line_breaks(std::string_view source, size_t at) {
  const char quote = source[at];
  std::string last;
  size_t breaks = 0;    // in the source, since the last character that is no white space
  bool blanks = false;  // since then or the last break
  bool joined = false;  // since then a backslash took a break away: white space behind it is none
  const auto fold = [&] {
    if (!joined && (breaks == 1 || (breaks == 0 && blanks))) last.clear();  // a space stands there
    last += std::string(joined ? breaks : breaks - std::min<size_t>(breaks, 1), '\n');
    breaks = 0;
    blanks = joined = false;
  };
  for (size_t i = at + 1; i < source.size(); ++i) {
    const char c = source[i], next = i + 1 < source.size() ? source[i + 1] : '\0';
    const bool doubled = c == '\'' && quote == '\'' && next == '\'', escape = c == '\\' && quote == '"';
    if (c == quote && !doubled) break;
    if (c == '\n') {
      ++breaks;
      blanks = false;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      blanks = true;
    } else if (escape && (next == 'n' || next == '\n')) {
      fold();
      joined = next == '\n';
      if (!joined) last += '\n';
    } else {
      fold();
      last.clear();
    }
    if (doubled || escape) ++i;
  }
  fold();
  return last;
}

// Bytes that continue no character are characters themselves.
std::string with_two_bytes(std::string_view text) {
  std::string whole;
  size_t inside = 0;  // bytes of a character that are to come
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xC0) == 0x80;
    if (continues && inside == 0) whole += '\xC2';
    inside = continues ? inside - (inside > 0) : byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0;
    whole += c;
  }
  return whole;
}

}  // namespace

std::optional<bool> yaml_bool(const std::string& plain) {
  if (is_one_of(plain, {"true", "True", "TRUE"})) return true;
  if (is_one_of(plain, {"false", "False", "FALSE"})) return false;
  return std::nullopt;
}

std::optional<int64_t> yaml_integer(const std::string& plain) {
  static const std::regex kDecimal("[-+]?[0-9]+");
  static const std::regex kOctal("0o[0-7]+");
  static const std::regex kHexadecimal("0x[0-9a-fA-F]+");
  std::optional<Value> value;
  if (matches(plain, kDecimal)) value = whole(split_sign(plain), 10);
  if (matches(plain, kOctal)) value = whole({1, plain.substr(2)}, 8);
  if (matches(plain, kHexadecimal)) value = whole({1, plain.substr(2)}, 16);
  if (!value || !value->is_int()) return std::nullopt;
  return value->integer();
}

std::optional<double> yaml_number(const std::string& plain) {
  static const std::regex kNumber(R"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)");
  if (const auto integer = yaml_integer(plain)) return static_cast<double>(*integer);
  if (matches(plain, kNumber)) {
    const Signed number = split_sign(replace_all(plain, "E", "e"));
    return number.sign * decimal(replace_all(number.digits, "e+", "e"));
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (is_one_of(plain, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return kInfinity;
  if (is_one_of(plain, {"-.inf", "-.Inf", "-.INF"})) return -kInfinity;
  if (is_one_of(plain, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

Value yaml_1_2_value(const std::string& plain) {
  if (is_one_of(plain, {"", "~", "null", "Null", "NULL"})) return Value();
  if (const auto value = yaml_bool(plain)) return *value;
  if (const auto value = yaml_integer(plain)) return *value;
  if (const auto value = yaml_number(plain)) return finite_or_text(*value, plain);
  return plain;
}

Value yaml_1_1_value(const std::string& plain) {
  // The patterns of PyYAML's resolver (6.0): an exponent needs its sign and its dot, ".5" has no
  // sign.
  static const std::regex kInteger(
      "[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+"
      "|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+");
  static const std::regex kNumber(
      R"([-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)"
      R"(|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)");
  if (is_one_of(plain, {"", "~", "null", "Null", "NULL"})) return Value();
  if (const auto value = yaml_bool(plain)) return *value;
  if (is_one_of(plain, {"yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (is_one_of(plain, {"no", "No", "NO", "off", "Off", "OFF"})) return false;
  if (matches(plain, kNumber)) {
    const std::string text = replace_all(replace_all(plain, "E", "e"), "e+", "e");
    return finite_or_text(yaml_1_1_number(text), plain);
  }
  if (matches(plain, kInteger))
    if (auto value = yaml_1_1_integer(plain)) return *value;
  return plain;
}

std::string mended_scalar(std::string text, std::string_view source, size_t at) {
  if (at >= source.size() || (source[at] != '\'' && source[at] != '"')) return text;
  if (text.empty() || text.ends_with('\n')) text = text.substr(0, text.find_last_not_of('\n') + 1) + last_line_breaks(source, at);
  return is_valid_utf8(text) ? text : with_two_bytes(text);
}

}  // namespace evalharness
