// GPT-2's alphabet: a printable Unicode character for each byte. Vocabularies of byte-level BPE are
// spelt in it ("Ġthe" is " the").
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace evalharness {

// The bytes that a token's spelling stands for; nothing where a character is outside the alphabet.
std::optional<std::string> bytes_of_spelling(std::string_view spelling);
// How the alphabet spells these bytes.
std::string spelling_of_bytes(std::string_view bytes);

}  // namespace evalharness
