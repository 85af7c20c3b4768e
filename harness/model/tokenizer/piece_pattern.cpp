#include "harness/model/tokenizer/piece_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

// Members of character classes. PCRE2's own \s also takes U+180E, which left White_Space in
// Unicode 6.3.
constexpr std::string_view kWhiteSpace =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// \w is what Oniguruma has: alphabetic characters (those in circles and squares too), marks,
// decimal digits, connectors, and of the other numbers Latin-1's six. PCRE2's own has no marks.
constexpr std::string_view kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})"
    R"(\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

// Patterns come with escapes that mean another thing in PCRE2, or nearly the same.
std::string translate_escape(char letter, bool in_class, const std::string& where) {
  const std::string_view set = letter == 's' || letter == 'S' ? kWhiteSpace : kWord;
  switch (letter) {
    case 's':
    case 'w':
      return in_class ? std::string(set) : cat("[", set, "]");
    case 'S':
    case 'W':
      if (!in_class) return cat("[^", set, "]");
      if (letter == 'S') return "\\S";  // differs at U+180E only
      [[fallthrough]];
    case 'b':
    case 'B':
    case 'h':
    case 'H':
      fail(cat(where, ": \\", letter, " is not supported", in_class ? " inside [...]" : ""));
    default:
      return {'\\', letter};
  }
}

std::string translate(const std::string& pattern, const std::string& where) {
  std::string result;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char letter = pattern[i];
    if (letter == '\\' && i + 1 < pattern.size()) {
      result += translate_escape(pattern[++i], in_class, where);
      continue;
    }
    if (in_class && (letter == '[' || pattern.compare(i, 2, "&&") == 0)) {
      fail(cat(where, ": set operations inside [...] are not supported: ", pattern));
    }
    if (letter == '[') in_class = true;
    if (letter == ']') in_class = false;
    result += letter;
  }
  return result;
}

struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

// Room for the whole match, not for groups; one for each thread, shared by all patterns.
pcre2_match_data* match_data() {
  thread_local const std::unique_ptr<pcre2_match_data, FreeMatch> data(
      pcre2_match_data_create(1, nullptr));
  return data.get();
}

std::string message_of(int error) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(error, text, sizeof(text));
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct PiecePattern::Code {
  pcre2_code* compiled = nullptr;
  std::string where;
  ~Code() { pcre2_code_free(compiled); }
};

PiecePattern::PiecePattern(const std::string& pattern, const std::string& where) : code_(new Code) {
  code_->where = where;
  const std::string translated = translate(pattern, where);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->compiled =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  if (code_->compiled == nullptr) fail(cat(where, ": ", message_of(error), ": ", pattern));
  // Where the machine forbids making code at run time, matching goes on in the interpreter.
  pcre2_jit_compile(code_->compiled, PCRE2_JIT_COMPLETE);
}

PiecePattern::~PiecePattern() = default;
PiecePattern::PiecePattern(PiecePattern&&) noexcept = default;
PiecePattern& PiecePattern::operator=(PiecePattern&&) noexcept = default;

bool PiecePattern::find(std::string_view text, size_t from, TextRange& match) const {
  const int found = pcre2_match(code_->compiled, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                text.size(), from, PCRE2_NO_UTF_CHECK, match_data(), nullptr);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) fail(cat(code_->where, ": ", message_of(found)));
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match_data());
  match = {range[0], range[1]};
  return true;
}

}  // namespace evalharness
