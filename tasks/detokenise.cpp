// Spaced tokens back to plain text. The rules and their order are those of lm-evaluation-harness
// (wikitext/preprocess_wikitext.py), also where they miss their aim: the second one was meant for
// " ' 90s " and matches slashes instead. Scores depend on every one of them.

#include <array>

#include "harness/base/text.h"
#include "tasks/regex.h"
#include "tasks/transforms.h"

namespace evalharness {
namespace {

using Pair = std::pair<const char*, const char*>;

constexpr std::array<Pair, 9> kNumbersAndPunctuation = {{{" @-@ ", "-"},
                                                         {" @,@ ", ","},
                                                         {" @.@ ", "."},
                                                         {" : ", ": "},
                                                         {" ; ", "; "},
                                                         {" . ", ". "},
                                                         {" ! ", "! "},
                                                         {" ? ", "? "},
                                                         {" , ", ", "}}};

constexpr std::array<Pair, 5> kBrackets = {{{R"(\(\s*([^\)]*?)\s*\))", R"((\1))"},
                                            {R"(\[\s*([^\]]*?)\s*\])", R"([\1])"},
                                            {R"({\s*([^}]*?)\s*})", R"({\1})"},
                                            {R"("\s*([^"]*?)\s*")", R"("\1")"},
                                            {R"('\s*([^']*?)\s*')", R"('\1')"}}};

constexpr std::array<Pair, 8> kRest = {{{"= = = =", "===="},
                                        {"= = =", "==="},
                                        {"= =", "=="},
                                        {" \u00b0 ", "\u00b0"},
                                        {" \n", "\n"},
                                        {"\n ", "\n"},
                                        {" N ", " 1 "},
                                        {" 's", "'s"}}};

}  // namespace

std::string detokenise(std::string text) {
  static const Regex slashes("/' [0-9]/", "detokenise");
  static const std::vector<Regex> brackets = [] {
    std::vector<Regex> patterns;
    for (const Pair& rule : kBrackets) patterns.emplace_back(rule.first, "detokenise");
    return patterns;
  }();
  text = slashes.substitute(replace_all(std::move(text), "s '", "s'"), "/'[0-9]/");
  for (const auto& [from, to] : kNumbersAndPunctuation)
    text = replace_all(std::move(text), from, to);
  for (size_t i = 0; i < brackets.size(); ++i)
    text = brackets[i].substitute(text, kBrackets[i].second);
  for (const auto& [from, to] : kRest) text = replace_all(std::move(text), from, to);
  return text;
}

}  // namespace evalharness
