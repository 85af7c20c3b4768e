// Regular expressions that mean what they mean in Python's re (PCRE2 underneath).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace evalharness {

// Immutable; may be used by several threads.
class Regex {
 public:
  // Fails with "<where>: bad pattern '<pattern>': <reason>". Text given to the functions may be any
  // bytes: those that are not UTF-8 are read as U+FFFD.
  Regex(const std::string& pattern, const std::string& where);

  // re.findall: of each match the groups (one entry where the pattern has no group: the whole
  // match).
  std::vector<std::vector<std::string>> find_all(std::string_view text) const;
  // re.sub: `replacement` may hold \1, \g<1>, \g<name>, \n, \t. count 0: all.
  std::string substitute(std::string_view text, std::string_view replacement,
                         size_t count = 0) const;
  // re.escape.
  static std::string escape(std::string_view text);

  const std::string& pattern() const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;  // shared: copies of a filter use one compiled pattern
};

}  // namespace evalharness
