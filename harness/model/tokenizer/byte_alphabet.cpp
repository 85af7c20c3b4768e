#include "harness/model/tokenizer/byte_alphabet.h"

#include <array>

#include "harness/base/text.h"
#include "harness/model/tokenizer/utf8.h"

namespace evalharness {
namespace {

bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, 324> byte{};  // of a code point; -1: not in the alphabet

  Alphabet() {
    byte.fill(-1);
    char32_t next = 256;
    for (unsigned value = 0; value < 256; ++value) {
      character[value] = stands_for_itself(value) ? value : next++;
      byte[character[value]] = static_cast<int>(value);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::optional<std::string> bytes_of_spelling(std::string_view spelling) {
  const Alphabet& letters = alphabet();
  std::string bytes;
  for (size_t at = 0; at < spelling.size();) {
    const Utf8Step step = utf8_step(spelling, at);
    if (step.kind != Utf8Step::kCharacter) return std::nullopt;
    const char32_t code = code_point_at(spelling, at);
    if (code >= letters.byte.size() || letters.byte[code] < 0) return std::nullopt;
    bytes += static_cast<char>(letters.byte[code]);
    at += step.length;
  }
  return bytes;
}

std::string spelling_of_bytes(std::string_view bytes) {
  std::string spelling;
  for (const char byte : bytes) {
    append_utf8(spelling, alphabet().character[static_cast<unsigned char>(byte)]);
  }
  return spelling;
}

}  // namespace evalharness
