#include "harness/model/tokenizer/utf8.h"

namespace evalharness {
namespace {

unsigned byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }

struct Lead {
  size_t length;          // of the whole character; 0: no character begins so
  unsigned second_first;  // range of the second byte: rules out overlong forms and surrogates
  unsigned second_last;
};

Lead lead(unsigned byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Step utf8_step(std::string_view text, size_t at) {
  const Lead first = lead(byte_at(text, at));
  if (first.length == 0) return {Utf8Step::kInvalid, 1};
  for (size_t i = 1; i < first.length; ++i) {
    if (at + i == text.size()) return {Utf8Step::kUnfinished, i};
    const unsigned byte = byte_at(text, at + i);
    const unsigned low = i == 1 ? first.second_first : 0x80;
    const unsigned high = i == 1 ? first.second_last : 0xBF;
    if (byte < low || byte > high) return {Utf8Step::kInvalid, i};
  }
  return {Utf8Step::kCharacter, first.length};
}

char32_t code_point_at(std::string_view text, size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return first;
  const size_t length = lead(first).length;
  char32_t code = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) code = (code << 6) | (byte_at(text, at + i) & 0x3Fu);
  return code;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Step step = utf8_step(bytes, at);
    if (step.kind == Utf8Step::kCharacter) {
      text += bytes.substr(at, step.length);
    } else {
      text += "\xEF\xBF\xBD";
    }
    at += step.length;
  }
  return text;
}

size_t unfinished_utf8_bytes(std::string_view bytes) {
  // A character has at most three bytes before its last one.
  for (size_t length = 1; length <= 3 && length <= bytes.size(); ++length) {
    const size_t at = bytes.size() - length;
    if ((byte_at(bytes, at) & 0xC0u) == 0x80) continue;  // not the first byte of a character
    const Utf8Step step = utf8_step(bytes, at);
    return step.kind == Utf8Step::kUnfinished ? step.length : 0;
  }
  return 0;
}

bool is_white_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

}  // namespace evalharness
