// Regular expressions of tokenizers: PCRE2 with Unicode properties, compiled to machine code.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace evalharness {

struct TextRange {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const TextRange&) const = default;
};

// Immutable; matching is thread-safe.
class PiecePattern {
 public:
  // `where` names the pattern's place in errors. Patterns come from the Oniguruma dialect of
  // tokenizer.json; what means another thing in PCRE2 fails, and \s is Unicode's White_Space in
  // both.
  PiecePattern(const std::string& pattern, const std::string& where);
  ~PiecePattern();
  PiecePattern(PiecePattern&&) noexcept;
  PiecePattern& operator=(PiecePattern&&) noexcept;

  // The first match that starts at or after `from`, or false. Precondition: text is valid UTF-8.
  // Lookarounds see the whole of `text`, and nothing outside it.
  bool find(std::string_view text, size_t from, TextRange& match) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace evalharness
