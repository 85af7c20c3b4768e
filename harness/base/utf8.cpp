// The UTF-8 half of text.h.
#include <algorithm>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t code_point;
  size_t
      length;  // bytes that it took; of an invalid sequence, its longest start that could be valid
  bool valid;
};

// What a first byte promises: how many bytes follow, and the range of the first of them. The narrow
// ranges shut out overlong forms, surrogates and what lies above U+10FFFF.
struct Lead {
  size_t following;
  uint8_t low, high;
};

Lead lead_of(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1, 0x80, 0xBF};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};
  if (byte == 0xED) return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {2, 0x80, 0xBF};
  if (byte == 0xF0) return {3, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {3, 0x80, 0xBF};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

// Precondition: at < text.size(). Invalid bytes are grouped as Python's errors="replace" does.
Decoded decode_at(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  if (first < 0x80) return {first, 1, true};
  Lead lead = lead_of(first);
  if (lead.following == 0) return {kReplacement, 1, false};
  char32_t code = first & (0x3Fu >> lead.following);
  for (size_t i = 1; i <= lead.following; ++i) {
    if (at + i >= text.size()) return {kReplacement, i, false};
    const auto byte = static_cast<uint8_t>(text[at + i]);
    if (byte < lead.low || byte > lead.high) return {kReplacement, i, false};
    code = (code << 6) | (byte & 0x3Fu);
    lead.low = 0x80;
    lead.high = 0xBF;
  }
  return {code, lead.following + 1, true};
}

// The end of the whitespace that `text` starts with.
size_t leading_whitespace(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Decoded decoded = decode_at(text, at);
    if (!is_unicode_whitespace(decoded.code_point)) break;
    at += decoded.length;
  }
  return at;
}

// The place where the whitespace that `text` ends with begins.
size_t trailing_whitespace(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;  // of the last code point: at most 3 bytes before its last byte
    while (start > 0 && end - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80)
      --start;
    const Decoded decoded = decode_at(text, start);
    if (start + decoded.length != end || !is_unicode_whitespace(decoded.code_point)) break;
    end = start;
  }
  return end;
}

}  // namespace

bool is_unicode_whitespace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_blank(std::string_view text) { return leading_whitespace(text) == text.size(); }

std::string lstrip(std::string_view text) {
  return std::string(text.substr(leading_whitespace(text)));
}

std::string rstrip(std::string_view text) {
  return std::string(text.substr(0, trailing_whitespace(text)));
}

std::string strip(std::string_view text) { return rstrip(text.substr(leading_whitespace(text))); }

std::vector<std::string> split_whitespace(std::string_view text) {
  std::vector<std::string> pieces;
  size_t start = 0;  // of the piece that is being read
  for (size_t at = 0; at < text.size();) {
    const Decoded decoded = decode_at(text, at);
    if (is_unicode_whitespace(decoded.code_point)) {
      if (at > start) pieces.emplace_back(text.substr(start, at - start));
      start = at + decoded.length;
    }
    at += decoded.length;
  }
  if (start < text.size()) pieces.emplace_back(text.substr(start));
  return pieces;
}

bool is_valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Decoded decoded = decode_at(text, at);
    if (!decoded.valid) return false;
    at += decoded.length;
  }
  return true;
}

size_t code_points(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

std::vector<char32_t> decode_utf8(std::string_view text) {
  std::vector<char32_t> code_points;
  code_points.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Decoded decoded = decode_at(text, at);
    code_points.push_back(decoded.code_point);
    at += decoded.length;
  }
  return code_points;
}

void append_utf8(std::string& to, char32_t code) {
  EH_ASSERT(code <= 0x10FFFF);
  const auto byte = [&](char32_t bits) { to += static_cast<char>(static_cast<uint8_t>(bits)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

}  // namespace evalharness
