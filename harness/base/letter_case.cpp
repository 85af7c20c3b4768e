#include "harness/base/letter_case.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "harness/base/text.h"

namespace evalharness {
namespace {

constexpr char32_t kCapitalIWithDot = 0x130, kCombiningDot = 0x307;
constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

utf8proc_category_t category_of(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Unicode's Case_Ignorable: marks, and the punctuation that stands inside words.
bool is_case_ignorable(char32_t c) {
  constexpr std::array<char32_t, 17> kInsideWords = {'\'',   '.',    ':',    0xB7,   0x387,  0x55F,
                                                     0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                                     0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  switch (category_of(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::find(kInsideWords.begin(), kInsideWords.end(), c) != kInsideWords.end();
  }
}

bool is_cased(char32_t c) {
  const utf8proc_category_t category = category_of(c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
         category == UTF8PROC_CATEGORY_LT;
}

// Unicode's Final_Sigma: a cased letter comes before, and none after.
bool ends_word(const std::vector<char32_t>& text, size_t at) {
  const auto before = std::find_if_not(text.rend() - static_cast<std::ptrdiff_t>(at), text.rend(),
                                       is_case_ignorable);
  if (before == text.rend() || !is_cased(*before)) return false;
  const auto after = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                      text.end(), is_case_ignorable);
  return after == text.end() || !is_cased(*after);
}

}  // namespace

std::string lower(std::string_view text) {
  const std::vector<char32_t> letters = decode_utf8(text);
  std::string result;
  for (size_t i = 0; i < letters.size(); ++i) {
    const char32_t c = letters[i];
    if (c == kCapitalSigma) {
      append_utf8(result, ends_word(letters, i) ? kFinalSigma : kSmallSigma);
    } else if (c == kCapitalIWithDot) {
      append_utf8(result, 'i');
      append_utf8(result, kCombiningDot);
    } else {
      append_utf8(result,
                  static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return result;
}

std::string upper(std::string_view text) {
  std::string result;
  for (const char32_t c : decode_utf8(text))
    append_utf8(result, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
  return result;
}

}  // namespace evalharness
