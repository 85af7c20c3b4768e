// One character of UTF-8 at a time, with bytes that are no UTF-8 named as such.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace evalharness {

struct Utf8Step {
  enum Kind {
    kCharacter,  // `length` bytes are one character
    kInvalid,    // `length` bytes can begin no character (the Unicode standard's "maximal subpart")
    kUnfinished,  // the text ends after `length` bytes of a character that more bytes could
                  // complete
  };
  Kind kind;
  size_t length;  // 1..4
};

// What stands at text[at]. Precondition: at < text.size().
Utf8Step utf8_step(std::string_view text, size_t at);

// Code point of the character at text[at]. Precondition: utf8_step says kCharacter.
char32_t code_point_at(std::string_view text, size_t at);

// Each maximal subpart that is no UTF-8 becomes one U+FFFD: Python's decode(errors="replace").
std::string replace_invalid_utf8(std::string_view bytes);

// Number of bytes at the end that begin a character and do not finish it: 0..3.
size_t unfinished_utf8_bytes(std::string_view bytes);

// Unicode's White_Space property, what \s means in the regexes of tokenizers.
bool is_white_space(char32_t code_point);

}  // namespace evalharness
