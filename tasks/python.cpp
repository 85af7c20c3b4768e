#include "tasks/python.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "harness/base/text.h"

namespace evalharness::python {
namespace {

// Shortest digits that read back equal; an exponent where it is below -4 or from 16 on.
std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string scientific(buffer, end.ptr);
  const size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  const auto fixed_end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  const std::string fixed(buffer, fixed_end.ptr);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

// str.isprintable(): neither "other" (control, format, surrogate, private, unassigned) nor
// separator.
bool is_printable(char32_t c) {
  if (c == U' ') return true;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return !(category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CS || category == UTF8PROC_CATEGORY_CO ||
           category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_ZS);
}

void append_escaped(std::string& to, char32_t c) {
  const char* const digits = "0123456789abcdef";
  const int width = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  to += c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
  for (int shift = 4 * (width - 1); shift >= 0; shift -= 4) to += digits[(c >> shift) & 15];
}

std::string string_repr(const std::string& text) {
  const bool single = text.find('\'') == std::string::npos || text.find('"') != std::string::npos;
  const char quote = single ? '\'' : '"';
  std::string quoted(1, quote);
  for (char32_t c : decode_utf8(text)) {
    if (c == U'\\' || c == static_cast<char32_t>(quote))
      (quoted += '\\') += static_cast<char>(c);
    else if (c == U'\n')
      quoted += "\\n";
    else if (c == U'\r')
      quoted += "\\r";
    else if (c == U'\t')
      quoted += "\\t";
    else if (is_printable(c))
      append_utf8(quoted, c);
    else
      append_escaped(quoted, c);
  }
  return quoted + quote;
}

std::string list_repr(const Value::List& list) {
  std::string text = "[";
  for (const Value& item : list) text += (text.size() > 1 ? ", " : "") + repr(item);
  return text + "]";
}

std::string map_repr(const Value::Map& map) {
  std::string text = "{";
  for (const auto& [key, item] : map)
    text += (text.size() > 1 ? ", " : "") + string_repr(key) + ": " + repr(item);
  return text + "}";
}

bool is_numeric(const Value& value) { return value.is_number() || value.is_bool(); }
double numeric(const Value& value) { return value.is_bool() ? value.boolean() : value.number(); }

bool equal_maps(const Value& a, const Value& b) {
  if (a.map().size() != b.map().size()) return false;
  return std::all_of(a.map().begin(), a.map().end(), [&](const auto& entry) {
    const Value* other = b.find(entry.first);
    return other && equal(entry.second, *other);
  });
}

}  // namespace

std::string repr(const Value& value) {
  if (value.is_null()) return "None";
  if (value.is_bool()) return value.boolean() ? "True" : "False";
  if (value.is_int()) return std::to_string(value.integer());
  if (value.is_double()) return float_repr(value.number());
  if (value.is_string()) return string_repr(value.string());
  if (value.is_list()) return list_repr(value.list());
  return map_repr(value.map());
}

std::string str(const Value& value) { return value.is_string() ? value.string() : repr(value); }

std::string without_punctuation(std::string_view text) {
  std::string result;
  for (char32_t c : decode_utf8(text)) {
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    if (category < UTF8PROC_CATEGORY_PC || category > UTF8PROC_CATEGORY_PO) append_utf8(result, c);
  }
  return result;
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool truth(const Value& value) {
  if (value.is_null()) return false;
  if (value.is_bool()) return value.boolean();
  if (value.is_number()) return value.number() != 0;
  if (value.is_string()) return !value.string().empty();
  return value.is_list() ? !value.list().empty() : !value.map().empty();
}

bool equal(const Value& a, const Value& b) {
  if (a.is_int() && b.is_int()) return a.integer() == b.integer();
  if (is_numeric(a) && is_numeric(b)) return numeric(a) == numeric(b);
  if (a.is_list() && b.is_list())
    return std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), equal);
  if (a.is_map() && b.is_map()) return equal_maps(a, b);
  return a == b;
}

std::optional<bool> less(const Value& a, const Value& b) {
  if (a.is_int() && b.is_int()) return a.integer() < b.integer();
  if (is_numeric(a) && is_numeric(b)) return numeric(a) < numeric(b);
  // UTF-8 orders as code points do.
  if (a.is_string() && b.is_string()) return a.string() < b.string();
  if (!a.is_list() || !b.is_list()) return std::nullopt;
  for (size_t i = 0; i < a.list().size() && i < b.list().size(); ++i)
    if (!equal(a.list()[i], b.list()[i])) return less(a.list()[i], b.list()[i]);
  return a.list().size() < b.list().size();
}

size_t count_words(std::string_view text) {
  size_t words = 1;
  bool in_space = false;
  for (char32_t c : decode_utf8(text)) {
    const bool space = is_unicode_whitespace(c);
    words += space && !in_space;
    in_space = space;
  }
  return words;
}

std::string valid_text(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string repaired;
  for (char32_t c : decode_utf8(text)) append_utf8(repaired, c);
  return repaired;
}

}  // namespace evalharness::python
